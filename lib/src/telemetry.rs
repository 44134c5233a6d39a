//! Logs: JSON lines in the cloud, plain lines on a laptop. No field ever carries a secret, a query string or a
//! body; a test reads every line at `trace` and looks for them.

use std::io::IsTerminal;

use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One JSON object a line, for `CloudWatch`.
    Json,
    /// For a person.
    Plain,
}

/// Libraries that print what passes through them, bodies and all, and the last level at which they do not. The
/// runtime's own span, which gives every line its request id, is `info`.
const TALKATIVE: [(&str, Level); 7] = [
    ("aws", Level::WARN),
    ("h2", Level::WARN),
    ("hyper", Level::WARN),
    ("lambda", Level::INFO),
    ("oauth2", Level::WARN),
    ("reqwest", Level::WARN),
    ("rustls", Level::WARN),
];

/// Starts logging to standard error, or does nothing when something logs already.
pub fn start(lines: Lines, directives: &str) {
    let registry = tracing_subscriber::registry().with(filter(directives));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match lines {
        Lines::Json => registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init(),
        Lines::Plain => registry.with(layer).try_init(),
    };
    // A second start, e.g. of the next test in one process, keeps the first subscriber.
    started.ok();
}

/// What is logged under these directives. What the talkative libraries print is left out, whatever they say.
pub fn filter<S: Subscriber>(directives: &str) -> impl Layer<S> {
    let discreet = filter_fn(|line| {
        let talkative = TALKATIVE.iter().find(|(name, _)| line.target().starts_with(name));
        talkative.is_none_or(|(_, most)| line.level() <= most)
    });
    // What cannot be read must not keep a function from starting.
    let wanted = directives.parse().unwrap_or_else(|_malformed| Targets::new().with_default(Level::INFO));
    wanted.and_then(discreet)
}
