//! The rooms of `lib/src/lib.rs`: who may name whom, and what never stands in which.

use std::path::{Path, PathBuf};

/// A room, the rooms that it may name, and words that never stand in it.
const ROOMS: [(&str, &[&str], &[&str]); 7] = [
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
    ("ics", &["domain"], &["async ", "await", "Utc::now", "axum", "aws_", "reqwest", "tracing"]),
    ("calendars", &["calendars", "domain", "clock"], &["axum", "aws_"]),
    (
        "flows",
        &["flows", "domain", "store", "vault", "calendars", "clock", "bus", "app"],
        &["StatusCode", "axum", "aws_", "reqwest", "<html", "</"],
    ),
    (
        "http",
        &["http", "domain", "flows", "store", "vault", "calendars", "ics", "app"],
        &["aws_sdk", "reqwest"],
    ),
];

#[test]
fn no_room_names_one_that_it_may_not() {
    let mut broken = Vec::new();
    let mut files = 0;
    for (room, may_name, never) in ROOMS {
        for path in sources(&lib().join(room)) {
            files += 1;
            let text = std::fs::read_to_string(&path).expect("a source file");
            broken.extend(
                offences(&text, may_name, never).into_iter().map(|o| format!("{}: {o}", path.display())),
            );
        }
    }
    assert!(files > 30, "only {files} files were read");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn an_offence_is_seen() {
    let (_, may_name, never) = ROOMS[0];
    assert_eq!(offences("use crate::store::Store;", may_name, never).len(), 1);
    assert_eq!(offences("use crate::{domain::Span, http};", may_name, never).len(), 1);
    assert_eq!(offences("async fn x() {}", may_name, never).len(), 1);
    assert_eq!(offences("// async fn x() {}\nuse super::Span;", may_name, never).len(), 0);
    let tested = "use crate::domain::Span;\n#[cfg(test)]\nmod tests { use crate::store::Store; }";
    assert_eq!(offences(tested, may_name, never).len(), 0, "tests may look around");
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

fn offences(text: &str, may_name: &[&str], never: &[&str]) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let mut found = Vec::new();
    for line in lines {
        for part in line.split("crate::").skip(1) {
            let names: Vec<&str> = match part.strip_prefix('{') {
                Some(list) => list.trim_end_matches(['}', ';']).split(", ").collect(),
                None => vec![part],
            };
            for name in names {
                let room = name.split("::").next().unwrap_or_default();
                let room = room.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                let is_room = room.chars().next().is_some_and(char::is_lowercase);
                if is_room && !may_name.contains(&room) {
                    found.push(format!("names `{room}`: {line}"));
                }
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
