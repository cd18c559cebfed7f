//! From the command line to a server that listens, and to its end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::CommandFactory;
use enchufe::Server;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{Args, Profile};
use crate::profiles::{app, client, engine, engine_client, protocol};

/// How long requests that are under way may take once the server has closed.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Connections that may wait to be accepted, for each listener: as many as the server's own have.
const BACKLOG: u32 = 1024;

type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if args.misplaced() {
        let message = "this option belongs to the profile app";
        Args::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    let server = match args.profile {
        Profile::Engine => engine::server(),
        Profile::EngineClient => engine_client::server(),
        Profile::Protocol => protocol::server(),
        Profile::Client => client::server(),
        Profile::App => app::server(&args.options),
    }?;
    // A runtime for each worker, as the guide recommends it (mounting.md, "The runtime").
    let runtimes = if args.shared_runtime { 1 } else { args.workers };
    let runtime = match args.workers {
        workers if runtimes < workers => {
            runtime::Builder::new_multi_thread().worker_threads(workers.into()).enable_all().build()
        }
        _ => runtime::Builder::new_current_thread().enable_all().build(),
    }?;
    let mut listeners = runtime
        .block_on(async { listen(args.port, runtimes) })
        .map_err(|error| format!("can't listen on 127.0.0.1:{}: {error}", args.port))?
        .into_iter();
    let first = listeners.next().ok_or("there is no worker")?;
    let address = first.local_addr()?;

    let stopped = CancellationToken::new();
    let mounted = args.profile == Profile::Client;
    let others: Vec<_> = listeners
        .map(|listener| {
            let (server, stopped) = (server.clone(), stopped.clone());
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                let outcome = runtime.block_on(serve(server, listener, mounted, stopped));
                runtime.shutdown_background();
                outcome
            })
        })
        .collect();
    let outcome = runtime.block_on(async {
        let stop = stop(&server, &stopped)?;
        println!("listening on {address}");
        io::stdout().flush()?;
        let (served, ()) = tokio::join!(serve(server.clone(), first, mounted, stopped.clone()), stop);
        served
    });
    for other in others {
        other.join().map_err(|_| "a worker panicked")??;
    }
    runtime.shutdown_background();
    outcome
}

/// So many listeners of one address; a port of 0 is the same free one for all.
fn listen(port: u16, count: u16) -> io::Result<Vec<std::net::TcpListener>> {
    let mut address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut listeners = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(count > 1)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        address = listener.local_addr()?;
        listeners.push(listener.into_std()?);
    }
    Ok(listeners)
}

/// Closes the server after the first signal, and says so when that is done. Signals are caught from now on.
fn stop(server: &Server, stopped: &CancellationToken) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        server.close().await;
        stopped.cancel();
    })
}

/// One worker, until the server has closed.
async fn serve(
    server: Server,
    listener: std::net::TcpListener,
    mounted: bool,
    stopped: CancellationToken,
) -> Result<(), Error> {
    let listener = TcpListener::from_std(listener)?;
    let router = Router::new().route("/healthz", get(async || "ok"));
    if mounted {
        within(server, listener, router, stopped).await
    } else {
        // The server listens for itself, with the router behind it.
        Ok(server.serve_with(listener, router).await?)
    }
}

/// The server is mounted into an application.
async fn within(
    server: Server,
    listener: TcpListener,
    router: Router,
    stopped: CancellationToken,
) -> Result<(), Error> {
    let app = router.layer(server.layer());
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped.clone().cancelled_owned());
    let end = async {
        stopped.cancelled().await;
        // The last answers are written meanwhile; a client that never finishes its request is not waited for.
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = end => Ok(()),
    }
}
