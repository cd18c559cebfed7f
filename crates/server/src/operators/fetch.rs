//! Asking the other nodes, each of which answers once: `fetch_sockets`, and what server-side emits share with it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;

use enchufe_cluster::bus::{Gather, Message};
use tokio::time::timeout_at;

use super::answers::DEFAULT_TIMEOUT;
use super::remote::{RemoteSocket, details_of};
use super::requests::{Open, Request};
use super::{Broadcast, Cluster};
use crate::time::after;

/// Not all nodes have answered in time: what the others have is here.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Incomplete<T> {
    /// What has come in time.
    pub received: Vec<T>,
    /// How many nodes have not answered, or could not be asked.
    pub missing_nodes: usize,
}

impl<T> fmt::Display for Incomplete<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation has timed out: {} nodes have not answered", self.missing_nodes)
    }
}

impl<T: fmt::Debug> std::error::Error for Incomplete<T> {}

impl Broadcast {
    /// The sockets that are selected, of all nodes: who they are, and means to act on each wherever it is. Without a
    /// cluster, or [`local`](Self::local), it is done at once.
    ///
    /// ```
    /// # async fn example(io: &enchufe::Server) {
    /// let sockets = io.of("/").to("lobby").fetch_sockets().await.unwrap_or_else(|error| error.received);
    /// for socket in sockets {
    ///     println!("{} from {:?}: {:?}", socket.id(), socket.handshake().address(), socket.rooms().collect::<Vec<_>>());
    ///     socket.join("garden").await;
    /// }
    /// # }
    /// ```
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// Where another node does not answer within [`timeout`](Self::timeout), 5 s by default: the sockets of the others are
    /// in the error. Nodes that are known to be gone are not waited for.
    pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, Incomplete<RemoteSocket>> {
        let mut sockets = self.fetch_here();
        let Some(cluster) = self.cluster() else { return Ok(sockets) };
        let gather = Gather::new();
        let id = cluster.begin(Request::Sockets(gather.clone()));
        let open = Open { cluster: cluster.clone(), id };
        let question = Message::FetchSockets { reach: self.reach(), request: open.id.clone() };
        let (details, missing_nodes) = self.gather(cluster, &gather, question).await;
        drop(open);
        let found = details.into_iter().flatten();
        sockets.extend(found.filter_map(|details| RemoteSocket::elsewhere(&self.namespace, details)));
        if missing_nodes == 0 { Ok(sockets) } else { Err(Incomplete { received: sockets, missing_nodes }) }
    }

    fn fetch_here(&self) -> Vec<RemoteSocket> {
        let here = self.namespace.selected_with_rooms(&self.selection);
        here.into_iter().map(|(socket, rooms)| RemoteSocket::here(&self.namespace, socket, rooms)).collect()
    }

    /// What another node is told of this one's sockets.
    pub(super) fn details_here(&self) -> Vec<enchufe_cluster::bus::SocketDetails> {
        let here = self.namespace.selected_with_rooms(&self.selection);
        here.into_iter().map(|(socket, rooms)| details_of(&socket, rooms)).collect()
    }

    /// Asks all other nodes and waits for each: what they say, and how many have not.
    pub(super) fn gather<T>(
        &self,
        cluster: &Arc<Cluster>,
        gather: &Gather<T>,
        question: Message,
    ) -> impl Future<Output = (Vec<T>, usize)> + Send + use<T>
    where
        T: Send,
    {
        let deadline = after(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
        let peers = cluster.peers(self.namespace.name());
        // Where it fails, the bus has said so, and the others are missing when the time is up.
        drop(cluster.publish(&self.namespace, question));
        let gather = gather.clone();
        async move {
            let complete = async {
                match peers.await {
                    Ok(peers) => gather.expect(peers),
                    Err(error) => {
                        tracing::warn!(%error, "the other nodes could not be asked");
                        return Err(());
                    }
                }
                poll_fn(|cx| gather.poll_complete(cx)).await;
                Ok(())
            };
            let unreachable = matches!(timeout_at(deadline, complete).await, Ok(Err(())));
            let (answers, missing) = gather.take();
            (answers, missing + usize::from(unreachable))
        }
    }
}
