//! The keys of an issuer, as it publishes them: by its discovery document and the key set that this names.
//!
//! A key is believed for two hours at most. One that nobody knows is looked for at once, so that an issuer may change
//! its keys at any time, but not so often that strangers with made-up key ids could make this process a flood.
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>, RFC 7517

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use holdfast::outbound;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::Key;
use crate::issuer::IssuerError;

/// For each of the two documents.
const WITHIN: Duration = Duration::from_secs(5);
const KEPT: Duration = Duration::from_hours(2);
const PAUSE: Duration = Duration::from_secs(3);

/// What this process knows of an issuer's keys.
#[derive(Debug)]
pub(super) struct Published {
    issuer: String,
    client: outbound::Client,
    known: RwLock<Known>,
    /// One reading at a time; when the last one began.
    asked_at: tokio::sync::Mutex<Instant>,
    kept: Duration,
    pause: Duration,
}

#[derive(Debug)]
struct Known {
    keys: Vec<Key>,
    read_at: Instant,
}

/// What a discovery document has to say.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Published {
    /// Reads the keys for the first time.
    pub(super) async fn read(issuer: &str, client: outbound::Client) -> Result<Self, IssuerError> {
        Self::read_with(issuer, client, KEPT, PAUSE).await
    }

    async fn read_with(
        issuer: &str,
        client: outbound::Client,
        kept: Duration,
        pause: Duration,
    ) -> Result<Self, IssuerError> {
        let asked_at = Instant::now();
        let known = RwLock::new(Known { keys: fetch(&client, issuer).await?, read_at: asked_at });
        let asked_at = tokio::sync::Mutex::new(asked_at);
        Ok(Self { issuer: issuer.to_owned(), client, known, asked_at, kept, pause })
    }

    /// The key by this id, for this algorithm.
    pub(super) async fn find(&self, id: &str, algorithm: Algorithm) -> Option<Key> {
        if let Some(key) = self.remembered(id, algorithm) {
            return Some(key);
        }
        let mut asked_at = self.asked_at.lock().await;
        // Whoever had the turn before may have found it.
        let found = self.remembered(id, algorithm);
        if found.is_some() || asked_at.elapsed() < self.pause {
            return found;
        }
        *asked_at = Instant::now();
        match fetch(&self.client, &self.issuer).await {
            Ok(keys) => {
                let known = Known { keys, read_at: *asked_at };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(error) => tracing::warn!(%error, "the issuer's keys stay as they were"),
        }
        self.remembered(id, algorithm)
    }

    fn remembered(&self, id: &str, algorithm: Algorithm) -> Option<Key> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_good = known.read_at.elapsed() < self.kept;
        known.keys.iter().find(|key| is_good && key.fits(id, algorithm)).cloned()
    }
}

/// The RSA keys for signatures of a key set; any others are for others.
pub(super) fn read_keys(set: &Value) -> Vec<Key> {
    let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(read_key).collect()
}

fn read_key(key: &Value) -> Option<Key> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let operations = key.get("key_ops").and_then(Value::as_array);
    let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
    if text("kty") != Some("RSA") || !matches!(text("use"), None | Some("sig")) || !verifies {
        return None;
    }
    Some(Key {
        id: text("kid")?.to_owned(),
        algorithm: text("alg").map(str::parse).transpose().ok()?,
        verifying: DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?,
    })
}

async fn fetch(client: &outbound::Client, issuer: &str) -> Result<Vec<Key>, IssuerError> {
    let unreadable = |problem: String| IssuerError::Unreadable { issuer: issuer.to_owned(), problem };
    let get = async |url: &str| {
        let answer = client.get(url).timeout(WITHIN).send().await;
        let answer = answer.map_err(|error| unreadable(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(unreadable(format!("{url} answers {}", answer.status())));
        }
        answer.json::<Value>().await.map_err(|error| unreadable(error.to_string()))
    };
    let document = get(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
    let discovery = Discovery::deserialize(&document).map_err(|error| unreadable(error.to_string()))?;
    if discovery.issuer != issuer {
        // Its tokens would name that one.
        return Err(unreadable(format!("it calls itself {}", discovery.issuer)));
    }
    let keys = read_keys(&get(&discovery.jwks_uri).await?);
    if keys.is_empty() { Err(unreadable("it has no RSA key for signatures".to_owned())) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::State;
    use axum::routing::get;
    use serde_json::json;

    use super::*;

    /// An issuer whose keys are these ids; `None`, and it fails.
    #[derive(Default)]
    struct World {
        url: Mutex<String>,
        keys: Mutex<Option<Vec<&'static str>>>,
        asked: AtomicUsize,
    }

    type Shared = std::sync::Arc<World>;

    async fn issuer() -> (Shared, fakes::Server) {
        let world = Shared::default();
        let configuration = |State(world): State<Shared>| async move {
            let url = world.url.lock().unwrap().clone();
            json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string()
        };
        let keys = |State(world): State<Shared>| async move {
            world.asked.fetch_add(1, Ordering::SeqCst);
            let ids = world.keys.lock().unwrap().clone();
            let key = |id: &str| json!({ "kty": "RSA", "kid": id, "use": "sig", "n": "u1SU1Q", "e": "AQAB" });
            match ids {
                Some(ids) => Ok(json!({ "keys": ids.into_iter().map(key).collect::<Vec<_>>() }).to_string()),
                None => Err(axum::http::StatusCode::SERVICE_UNAVAILABLE),
            }
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .with_state(Shared::clone(&world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = fakes::serve_router(listener, router).unwrap();
        *world.url.lock().unwrap() = server.url();
        *world.keys.lock().unwrap() = Some(vec!["one"]);
        (world, server)
    }

    async fn published(server: &fakes::Server, kept: Duration, pause: Duration) -> Published {
        Published::read_with(&server.url(), outbound::client(&[]), kept, pause).await.unwrap()
    }

    async fn has(keys: &Published, id: &str) -> bool {
        keys.find(id, Algorithm::RS256).await.is_some()
    }

    #[tokio::test]
    async fn a_new_key_is_found_at_once_and_strangers_are_not_looked_for_again_and_again() {
        let (world, server) = issuer().await;
        let keys = published(&server, KEPT, Duration::from_millis(200)).await;
        assert!(has(&keys, "one").await);
        assert_eq!(world.asked.load(Ordering::SeqCst), 1, "what is known is not asked for");
        *world.keys.lock().unwrap() = Some(vec!["two"]);
        tokio::time::sleep(Duration::from_millis(210)).await;
        assert!(has(&keys, "two").await && !has(&keys, "one").await);
        for _ in 0..50 {
            assert!(!has(&keys, "made-up").await);
        }
        assert_eq!(world.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn many_who_come_at_once_with_a_new_key_are_one_reading() {
        let (world, server) = issuer().await;
        let keys = published(&server, KEPT, Duration::from_millis(50)).await;
        *world.keys.lock().unwrap() = Some(vec!["two"]);
        tokio::time::sleep(Duration::from_millis(60)).await;
        let (a, b, c) = tokio::join!(has(&keys, "two"), has(&keys, "two"), has(&keys, "two"));
        assert!(a && b && c);
        assert_eq!(world.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_key_is_believed_only_so_long_and_an_issuer_that_is_away_takes_none_back() {
        let (world, server) = issuer().await;
        let keys = published(&server, Duration::from_millis(300), Duration::from_millis(20)).await;
        *world.keys.lock().unwrap() = None;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!has(&keys, "made-up").await && has(&keys, "one").await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!has(&keys, "one").await, "too old, and nobody says that it is still good");
        *world.keys.lock().unwrap() = Some(vec!["one"]);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(has(&keys, "one").await);
    }

    #[tokio::test]
    async fn an_issuer_that_is_not_the_one_asked_for_is_refused() {
        let (world, server) = issuer().await;
        "http://somebody.else".clone_into(&mut world.url.lock().unwrap());
        let refused = Published::read(&server.url(), outbound::client(&[])).await.unwrap_err();
        assert!(refused.to_string().ends_with("it calls itself http://somebody.else"), "{refused}");
        *world.url.lock().unwrap() = server.url();
        *world.keys.lock().unwrap() = Some(Vec::new());
        let refused = Published::read(&server.url(), outbound::client(&[])).await.unwrap_err();
        assert!(refused.to_string().ends_with("no RSA key for signatures"), "{refused}");
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        let key = |changes: Value| {
            let mut key = json!({ "kty": "RSA", "kid": "one", "n": "u1SU1Q", "e": "AQAB" });
            key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            read_keys(&json!({ "keys": [key] })).pop()
        };
        let any = key(json!({})).unwrap();
        assert!(any.fits("one", Algorithm::RS512) && !any.fits("two", Algorithm::RS512));
        let bound = key(json!({ "alg": "RS256", "use": "sig", "key_ops": ["verify"] })).unwrap();
        assert!(bound.fits("one", Algorithm::RS256) && !bound.fits("one", Algorithm::RS512));
        for other in [
            json!({ "use": "enc" }),
            json!({ "key_ops": ["encrypt"] }),
            json!({ "alg": "RSA-OAEP" }),
            json!({ "kty": "EC" }),
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            json!({ "kid": null }),
            json!({ "n": null }),
        ] {
            assert!(key(other.clone()).is_none(), "{other}");
        }
    }
}
