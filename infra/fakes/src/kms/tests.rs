use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::decrypt::{DecryptError, DecryptOutput};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

use super::{Keys, Kms};
use crate::StartError;

fn client(kms: &Kms) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static(crate::REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "fakes"))
        .endpoint_url(kms.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn data_key(kms: &Kms, tenant: &str) -> (Vec<u8>, Blob) {
    let answer = client(kms)
        .generate_data_key()
        .key_id(kms.key_id())
        .key_spec(DataKeySpec::Aes256)
        .encryption_context("tenant", tenant)
        .encryption_context("purpose", "tokens")
        .send()
        .await
        .unwrap();
    (answer.plaintext.unwrap().into_inner(), answer.ciphertext_blob.unwrap())
}

async fn decrypt(kms: &Kms, tenant: &str, blob: Blob) -> Result<DecryptOutput, SdkError<DecryptError>> {
    client(kms)
        .decrypt()
        .key_id(kms.key_arn())
        .encryption_context("purpose", "tokens")
        .encryption_context("tenant", tenant)
        .ciphertext_blob(blob)
        .send()
        .await
}

#[tokio::test]
async fn a_data_key_opens_under_its_own_context_only() {
    let kms = Kms::start(Keys::Memory).await.unwrap();
    let (key, blob) = data_key(&kms, "acme").await;
    assert_eq!(key.len(), 32);
    let opened = decrypt(&kms, "acme", blob.clone()).await.unwrap();
    assert_eq!(opened.plaintext.unwrap().into_inner(), key);
    assert_eq!(opened.key_id.as_deref(), Some(kms.key_arn()));
    let error = decrypt(&kms, "other", blob.clone()).await.unwrap_err().into_service_error();
    assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
    let mut altered = blob.into_inner();
    *altered.last_mut().unwrap() ^= 1;
    let error = decrypt(&kms, "acme", Blob::new(altered)).await.unwrap_err().into_service_error();
    assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
    let error = decrypt(&kms, "acme", Blob::new("short")).await.unwrap_err().into_service_error();
    assert!(error.is_invalid_ciphertext_exception(), "{error:?}");
}

#[tokio::test]
async fn a_key_that_is_another_disabled_or_denied_is_named_as_such() {
    let kms = Kms::start(Keys::Memory).await.unwrap();
    let other = Kms::start(Keys::Memory).await.unwrap();
    let (_, blob) = data_key(&kms, "acme").await;

    let wrong_key = client(&kms).decrypt().key_id(other.key_id()).ciphertext_blob(blob.clone()).send().await;
    assert!(wrong_key.unwrap_err().into_service_error().is_incorrect_key_exception());
    let unknown = client(&kms).describe_key().key_id(other.key_id()).send().await;
    assert!(unknown.unwrap_err().into_service_error().is_not_found_exception());
    let elsewhere = decrypt(&other, "acme", blob.clone()).await.unwrap_err();
    assert!(format!("{elsewhere:?}").contains("AccessDeniedException"), "{elsewhere:?}");

    kms.disable();
    let error = decrypt(&kms, "acme", blob.clone()).await.unwrap_err().into_service_error();
    assert!(error.is_disabled_exception(), "{error:?}");
    let described = client(&kms).describe_key().key_id(kms.key_id()).send().await.unwrap();
    assert!(!described.key_metadata.unwrap().enabled);
    kms.deny();
    let error = decrypt(&kms, "acme", blob.clone()).await.unwrap_err();
    assert!(format!("{error:?}").contains("AccessDeniedException"), "{error:?}");
    kms.enable();
    decrypt(&kms, "acme", blob).await.unwrap();
}

#[tokio::test]
async fn a_key_in_a_file_outlives_its_server() {
    let directory = std::env::temp_dir().join(crate::aws::uuid(crate::aws::random().unwrap()));
    let file = directory.join("kms.key");
    let kms = Kms::start(Keys::File(file.clone())).await.unwrap();
    let sealed =
        client(&kms).encrypt().key_id(kms.key_id()).plaintext(Blob::new("secret")).send().await.unwrap();
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    drop(kms);
    let kms = Kms::start(Keys::File(file.clone())).await.unwrap();
    let opened =
        client(&kms).decrypt().ciphertext_blob(sealed.ciphertext_blob.unwrap()).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().into_inner(), b"secret");
    std::fs::write(&file, "not a key").unwrap();
    assert!(matches!(Kms::start(Keys::File(file)).await, Err(StartError::KeyFile(_))));
    std::fs::remove_dir_all(directory).unwrap();
}
