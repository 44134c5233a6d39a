//! `cargo run`: Holdfast on this machine. The last line on standard output is `ready` and JSON; logs go to
//! standard error.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use holdfast::config;
use holdfast::telemetry::{self, Lines};
use local::{Local, Options, StartError};

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
async fn run(args: Args) -> Result<(), StartError> {
    let data = (!args.memory).then_some(args.data);
    let kept = data.as_ref().map_or("in memory only".to_owned(), |data| format!("in {}", data.display()));
    let local =
        Local::start(Options { port: args.port, data, settings: config::chosen(), ..Options::default() });
    let local = local.await?;
    println!("API          {}/v1/health  (document: /v1/openapi.json)", local.url());
    match &local.google {
        Some(google) => println!("Google       {}  (simulated: accounts and calendars)", google.url()),
        None => println!("Google       the real one"),
    }
    println!("kept         {kept}");
    println!("ready {}", local.ready());
    stopped().await;
    Ok(())
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
