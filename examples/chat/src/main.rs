//! A chat with rooms, accounts, pictures and history: what `cargo run --release` in the repository starts.
//!
//! Top to bottom: [`config`] reads the command line; [`app`] is what everything shares and the routes; [`guard`]
//! stands before all of them; [`visit`] finds out who asks; [`pages`] answers HTTP and [`realtime`] the
//! sockets; [`storage`] remembers. The events between page and server are written down in `README.md`.

mod app;
mod assets;
mod avatars;
mod config;
mod cookies;
mod csrf;
mod guard;
mod i18n;
mod names;
mod pages;
mod passwords;
mod random;
mod realtime;
mod serve;
mod storage;
mod throttle;
mod uploads;
mod visit;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::config::{Args, Config};
use crate::passwords::Passwords;
use crate::storage::Storage;

/// How often sessions that have run out are forgotten.
const SWEEP: Duration = Duration::from_secs(10 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {} is in use; choose another one with --port", args.port)
        }
        _ => format!("cannot listen on {address}: {error}"),
    })?;
    let local = listener.local_addr()?;
    let storage = Storage::open(&args.data)?;
    let app = App::new(Config::from(&args), storage, Passwords::new()?).await?;
    // Browsers take http://localhost for safe, so that is the address to click on.
    if local.ip().is_loopback() {
        println!("listening on http://localhost:{}", local.port());
    } else {
        println!("listening on http://{local}");
    }
    let sweeper = tokio::spawn(sweep(app.clone()));
    let router = app.router()?;
    serve::serve(listener, router, async {
        stop_signal().await;
        // The sockets first: they know how to be told, and long polls end with them.
        app.realtime.close().await;
    })
    .await;
    sweeper.abort();
    Ok(())
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        if let Err(error) = app.sweep().await {
            tracing::error!(%error, "could not forget old sessions");
        }
    }
}

/// Ends with the first SIGINT (Ctrl-C) or SIGTERM.
async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot wait for Ctrl-C");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "cannot wait for SIGTERM");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
    tracing::info!("stopping");
}
