//! Running the handlers of server-side events: in order, and not where the bus delivers.
//!
//! A handler that ran within a delivery would have what it emits delivered after that, by the delivering thread, while
//! what it emits once it has waited goes out at once, on another one: out of order. So each is begun by a task of their own, one
//! after another, and goes on beside the next where it has to wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::Cluster;
use crate::core::{Core, Task};
use crate::handler::guarded;

/// So many are begun until others have a turn.
const BATCH: usize = 32;

/// Handlers that have not begun.
#[derive(Default)]
pub(super) struct Beside(Mutex<Line>);

#[derive(Default)]
struct Line {
    tasks: VecDeque<Task>,
    /// A task begins them.
    served: bool,
}

/// Has these begin after those that came before.
pub(super) fn run(core: &Arc<Core>, cluster: &Arc<Cluster>, tasks: Vec<Task>) {
    if Handle::try_current().is_err() {
        // Nobody has connected yet, and the event came from a thread without a runtime.
        return tasks.into_iter().for_each(|task| begin(core, task));
    }
    let mut line = cluster.beside.0.lock();
    line.tasks.extend(tasks);
    let serves = !line.tasks.is_empty() && !std::mem::replace(&mut line.served, true);
    drop(line);
    if serves {
        core.tasks.spawn(serve(core.clone(), Serving { cluster: cluster.clone(), ended: false }));
    }
}

async fn serve(core: Arc<Core>, mut serving: Serving) {
    loop {
        for _ in 0..BATCH {
            let Some(task) = serving.next() else { return };
            begin(&core, task);
        }
        tokio::task::yield_now().await;
    }
}

/// Polls a handler once; where it is not done it goes on as a task of its own.
fn begin(core: &Core, mut task: Task) {
    let mut cx = Context::from_waker(Waker::noop());
    let begun = guarded("on_server_side", || task.as_mut().poll(&mut cx));
    if !begun.is_some_and(|polled| polled.is_pending()) {
        return;
    }
    if Handle::try_current().is_err() {
        return tracing::error!(
            "a server-side handler has to wait, and there is no runtime in which it could"
        );
    }
    core.tasks.spawn(task);
}

/// Whoever begins them. Should its runtime end, the next does.
struct Serving {
    cluster: Arc<Cluster>,
    ended: bool,
}

impl Serving {
    /// Where there is none, whoever brings the next one finds that nobody serves.
    fn next(&mut self) -> Option<Task> {
        let mut line = self.cluster.beside.0.lock();
        let next = line.tasks.pop_front();
        self.ended = next.is_none();
        line.served = !self.ended;
        next
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.ended {
            self.cluster.beside.0.lock().served = false;
        }
    }
}
