//! From the command line to a server that listens, and to its end.

use std::io::{self, Write};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::CommandFactory;
use enchufe::Server;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{Args, Profile};
use crate::profiles::{app, client, engine, engine_client, protocol};

/// How long requests that are under way may take once the server has closed.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if args.misplaced() {
        let message = "this option belongs to the profile app";
        Args::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    let mut builder = if args.workers == 1 {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    let runtime = builder.worker_threads(usize::from(args.workers)).enable_all().build()?;
    let outcome = runtime.block_on(serve(args));
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &Args) -> Result<(), Error> {
    let server = match args.profile {
        Profile::Engine => engine::server(),
        Profile::EngineClient => engine_client::server(),
        Profile::Protocol => protocol::server(),
        Profile::Client => client::server(),
        Profile::App => app::server(&args.options),
    }?;
    let listener = TcpListener::bind(("127.0.0.1", args.port))
        .await
        .map_err(|error| format!("can't listen on 127.0.0.1:{}: {error}", args.port))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    println!("listening on {}", listener.local_addr()?);
    io::stdout().flush()?;

    let router = Router::new().route("/healthz", get(async || "ok"));
    let stop = {
        let server = server.clone();
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            server.close().await;
        }
    };
    if args.profile == Profile::Client {
        mounted(server, listener, router, stop).await
    } else {
        alone(server, listener, router, stop).await
    }
}

/// The server listens for itself, with the router behind it.
async fn alone(
    server: Server,
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (served, ()) = tokio::join!(server.serve_with(listener, router), stop);
    Ok(served?)
}

/// The server is mounted into an application.
async fn mounted(
    server: Server,
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let app = router.layer(server.layer());
    let stopped = CancellationToken::new();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.clone().cancelled_owned());
    let end = async {
        stop.await;
        stopped.cancel();
        // The last answers are written meanwhile; a client that never finishes its request is not waited for.
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = end => Ok(()),
    }
}
