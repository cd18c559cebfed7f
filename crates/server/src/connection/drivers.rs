//! The drivers of a server, each with the runtime that it is a task of.
//!
//! A runtime's drivers start with its first connection, as many as it has workers, and leave the list when they end: with
//! their runtime or with the server. So nothing keeps a runtime that has gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::driver::{Driver, DriverHandle};
use crate::overload::Backlog;
use crate::time::Clock;

/// Those that have not ended.
#[derive(Default)]
pub(crate) struct Drivers(Mutex<Vec<Arc<DriverHandle>>>);

impl Drivers {
    /// One for a new connection, in the runtime that it came in, whose threads its transport wakes: the one that has the
    /// fewest.
    pub(crate) fn choose(
        self: &Arc<Self>,
        clock: Clock,
        backlog: &Arc<Backlog>,
    ) -> Option<Arc<DriverHandle>> {
        let runtime = Handle::current();
        let mut new = Vec::new();
        let mut drivers = self.0.lock();
        if !drivers.iter().any(|driver| driver.is_of(&runtime)) {
            for _ in 0..runtime.metrics().num_workers().max(1) {
                let handle = DriverHandle::new(runtime.clone());
                new.push(Driver::new(handle.clone(), Arc::downgrade(self), clock, backlog.clone()));
                drivers.push(handle);
            }
        }
        let here = drivers.iter().filter(|driver| driver.is_of(&runtime));
        let chosen = here.min_by_key(|driver| driver.load.load(Ordering::Relaxed)).cloned();
        drop(drivers);
        // A runtime that is about to end drops them at once, and they leave.
        for driver in new {
            // It bounds its own rounds, and a budget in the middle of one would only cost it wake-ups.
            runtime.spawn(tokio::task::unconstrained(driver));
        }
        chosen
    }

    /// Where something can go on that belongs to no connection: in the runtime of this thread if it drives connections, else
    /// in one that does, else in that of this thread. Nobody may be running a driver that has no connection.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        let current = Handle::try_current().ok();
        let drivers = self.0.lock();
        if let Some(current) = &current
            && drivers.iter().any(|driver| driver.is_of(current))
        {
            return Some(current.clone());
        }
        let living = || drivers.iter().filter(|driver| !driver.has_ended());
        let driving = living().find(|driver| driver.load.load(Ordering::Relaxed) > 0);
        let of = |driver: &Arc<DriverHandle>| driver.runtime().clone();
        driving.map(of).or(current).or_else(|| living().next().map(of))
    }

    /// One has ended.
    pub(super) fn leave(&self, driver: &Arc<DriverHandle>) {
        let mut drivers = self.0.lock();
        let ended = drivers.iter().position(|other| Arc::ptr_eq(other, driver));
        let ended = ended.map(|at| drivers.remove(at));
        drop(drivers);
        // It may be the last that holds its runtime's handle.
        drop(ended);
    }

    /// The server is gone. They are tasks of their runtimes and would go on for ever, with nothing to do.
    pub(crate) fn stop(&self) {
        let drivers = std::mem::take(&mut *self.0.lock());
        drivers.iter().for_each(|driver| driver.stop());
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::socket::Socket;

    fn runtime(workers: usize) -> Runtime {
        Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("a runtime")
    }

    /// A driver for a connection that is there to stay.
    fn taken(socket: &Socket, runtime: &Runtime) -> Arc<DriverHandle> {
        let driver = runtime.block_on(async { socket.core().driver() }).expect("a driver");
        driver.load.fetch_add(1, Ordering::Relaxed);
        driver
    }

    #[test]
    fn runtimes_that_connections_come_in_by_turns_use_all_their_drivers() {
        let socket = Socket::unconnected("{}");
        let runtimes = [runtime(2), runtime(2)];
        let taken: Vec<_> = (0..8).map(|turn| taken(&socket, &runtimes[turn % 2])).collect();
        for driver in &taken {
            let connections = taken.iter().filter(|other| Arc::ptr_eq(other, driver)).count();
            assert_eq!(connections, 2);
        }
    }

    #[test]
    fn what_belongs_to_no_connection_goes_on_where_connections_are() {
        let socket = Socket::unconnected("{}");
        let (idle, busy) = (runtime(1), runtime(1));
        let left = taken(&socket, &idle);
        left.load.fetch_sub(1, Ordering::Relaxed);
        let _taken = taken(&socket, &busy);
        assert_eq!(socket.core().drivers.runtime().expect("a runtime").id(), busy.handle().id());
        let current = idle.block_on(async { socket.core().drivers.runtime() });
        assert_eq!(current.expect("a runtime").id(), idle.handle().id());
    }

    #[test]
    fn drivers_that_have_ended_are_not_kept() {
        let socket = Socket::unconnected("{}");
        let runtime = runtime(2);
        let driver = taken(&socket, &runtime);
        drop(runtime);
        assert!(driver.has_ended());
        assert!(socket.core().drivers.0.lock().is_empty());
        assert!(socket.core().drivers.runtime().is_none());
    }
}
