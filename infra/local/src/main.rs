//! `cargo run`: Holdfast on this machine. The last line on standard output is `ready` and JSON; logs go to
//! standard error.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use holdfast::config;
use holdfast::telemetry::{self, Lines};
use local::{AUDIENCE, CalendarFile, Local, Options, OtherIssuer};

/// Holdfast with everything around it, on this machine: no account, no Docker, no network.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Settings come from the environment, e.g. HOLDFAST_GOOGLE_CLIENT_ID and \
    HOLDFAST_GOOGLE_CLIENT_SECRET for the real Google. HOLDFAST_LOG sets the log filter."
)]
struct Args {
    /// The API's port; 0 takes any free one. The simulated Google takes the next one if it is free
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Where everything is kept between runs
    #[arg(long, value_name = "DIR", default_value = ".holdfast")]
    data: PathBuf,
    /// Keep nothing, whatever --data says
    #[arg(long)]
    memory: bool,
    /// Hand every event to the functions behind this Invoke API, e.g. `http://127.0.0.1:9000` for `cargo lambda
    /// watch`, instead of running them here. What they need in their environment goes to --env-file
    #[arg(long, value_name = "URL")]
    invoke: Option<String>,
    /// Where the environment of functions that run elsewhere is written, with --invoke
    #[arg(long, value_name = "FILE", default_value = ".holdfast/lambda.env", requires = "invoke")]
    env_file: PathBuf,
    /// The `OpenID` issuer whose tokens are good, in place of this process's own: its discovery document lies below
    /// this URL, and its keys are RSA
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The `aud` of that issuer's tokens for this API
    #[arg(long, value_name = "AUD", default_value = AUDIENCE, requires = "issuer")]
    audience: String,
    /// Loads an exported calendar into the simulated account of Ada, in place of the demo's events
    #[arg(long, value_name = "FILE.ics")]
    calendar: Option<PathBuf>,
    /// Moves that calendar by whole weeks, so that its first event lies in this week
    #[arg(long, requires = "calendar")]
    shift: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::start(Lines::Plain, &config::log_filter());
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdfast: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is what it prints")]
async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let data = (!args.memory).then_some(args.data);
    let kept = data.as_ref().map_or("in memory only".to_owned(), |data| format!("in {}", data.display()));
    let calendar = args.calendar.map(|path| CalendarFile { path, shift: args.shift });
    let (invoke, settings) = (args.invoke.clone(), config::chosen());
    let issuer = args.issuer.map(|url| OtherIssuer { url, audience: args.audience });
    if let Some(OtherIssuer { url, audience }) = &issuer {
        println!("tokens       of {url} for {audience}");
    }
    let options = Options { port: args.port, data, calendar, invoke, issuer, settings, ..Options::default() };
    let local = Local::start(options).await?;
    println!("API          {}/v1/health  (document: /v1/openapi.json)", local.url());
    println!("pages        {}/demo", local.url());
    match &local.google {
        Some(google) => println!("Google       {}  (simulated: accounts and calendars)", google.url()),
        None => println!("Google       the real one"),
    }
    if let Some(imported) = &local.imported {
        println!("calendar     {imported}");
    }
    println!("kept         {kept}");
    if let Some(url) = &args.invoke {
        let env_file = args.env_file.display();
        write_environment(&local, &args.env_file)?;
        println!("functions    at {url}, with {env_file} as their environment:");
        println!("             cargo lambda watch --env-file {env_file}");
    }
    println!("ready {}", local.ready());
    stopped().await;
    Ok(())
}

/// One `NAME="value"` a line. A value of more than one line cannot stand there.
fn write_environment(local: &Local, path: &Path) -> std::io::Result<()> {
    let (single, several): (Vec<_>, Vec<_>) =
        local.variables().iter().partition(|(_, value)| !value.contains(['\n', '"']));
    if let Some((name, _)) = several.first() {
        return Err(std::io::Error::other(format!("{name} cannot stand in {}", path.display())));
    }
    let lines = single.iter().map(|(name, value)| format!("{name}=\"{value}\"\n"));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, lines.collect::<String>())
}

/// Ctrl-C, or `SIGTERM` where there is one. If neither can be listened for, only a kill ends it.
async fn stopped() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => tracing::info!("interrupted"),
        () = terminated() => tracing::info!("terminated"),
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_unavailable) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
