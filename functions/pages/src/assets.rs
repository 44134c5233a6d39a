//! The style, the script and the icon, compiled in. Their names carry a hash of their contents, so that a browser may
//! keep them for good and never has one that does not fit the page.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use holdfast::http::{Path, Problem};

use crate::html::Sorry;

/// A file that pages refer to.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is.
    pub(crate) path: String,
    kind: &'static str,
    text: &'static str,
}

/// The one style sheet.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css"))
});
/// The one script.
pub(crate) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("../assets/script.js"))
});
/// The tab's icon.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")));

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        Self { path: format!("/assets/{name}.{:016x}.{extension}", hash(text.as_bytes())), kind, text }
    }
}

/// FNV-1a, 64 bits: tells our own versions apart, and is asked for nothing more.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// A style sheet, script or picture of the pages
///
/// Its name changes with its contents.
#[utoipa::path(get, path = "/assets/{file}", tag = "pages", params(("file" = String, Path, description = "The file's name")),
    responses((status = 200, description = "The file", body = String, content_type = "text/css"), Sorry))]
pub(crate) async fn show_asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let assets = [&*STYLE, &*SCRIPT, &*ICON];
    let found = assets.into_iter().find(|asset| asset.path.strip_prefix("/assets/") == Some(&file));
    let asset = found.ok_or_else(|| Problem::not_found("not-found", "there is no such file"))?;
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_with_its_contents() {
        let path = |text| Asset::new("style", "css", "text/css", text).path;
        assert_ne!(path("a{}"), path("b{}"));
        assert_eq!(path(""), "/assets/style.cbf29ce484222325.css");
    }
}
