//! Asking the application whether a namespace is to exist: predicates that take their time.

use std::sync::Arc;

use super::name::Matcher;
use super::registry::Parent;
use super::{INVALID_NAMESPACE, NamespaceCore};
use crate::connection::{Connection, Mail};
use crate::core::Core;
use crate::error::Refusal;
use crate::extract::Context;
use crate::frames::Wire;
use crate::handler::CallError;
use crate::parser::Parser;
use crate::server::Server;

/// A client's question that is being decided: it counts among those of its connection as long as it lives.
pub(crate) struct Question {
    pub(crate) connection: Arc<Connection>,
    pub(crate) name: Arc<str>,
    /// The form in which it was asked.
    pub(crate) parser: Parser,
    pub(crate) auth: Option<Arc<str>>,
    pub(crate) parents: Vec<Arc<Parent>>,
}

impl Question {
    /// Has it decided. Where the answer is yes, the driver is told, which lets the client go on.
    pub(crate) fn begin(self) {
        self.connection.question_began();
        let connection = self.connection.clone();
        connection.core.run(&connection, Box::pin(self.decide()));
    }

    async fn decide(self) {
        match self.ask().await {
            Ok(namespace) => {
                let connection = self.connection.clone();
                // Where the connection is over there is nobody to let in.
                let _ = connection.post_mail(Mail::Enter(Box::new(self), namespace));
            }
            Err(refusal) => self.connection.refuse(self.wire(), &refusal),
        }
    }

    pub(crate) fn wire(&self) -> Wire<'_> {
        Wire { namespace: &self.name, parser: self.parser }
    }

    async fn ask(&self) -> Result<Arc<NamespaceCore>, Refusal> {
        let core: &Arc<Core> = &self.connection.core;
        let handshake = self.connection.handshake_with(self.auth.clone());
        for parent in &self.parents {
            let accepted = match &parent.dynamic.matcher {
                Matcher::Asking(predicate) => {
                    let cx = Context::asking(&self.name, &handshake, &core.namespaces.states);
                    match predicate.call(&cx) {
                        Ok(deciding) => deciding,
                        Err(CallError::Rejected(rejection)) => return Err(rejection.into()),
                        Err(CallError::Panicked) => return Err(Refusal::internal()),
                    }
                    .await?
                }
                _ => parent.dynamic.matches(&self.name) == Some(true),
            };
            if accepted {
                let made = core.namespaces.make(&self.name, parent);
                return made
                    .map(|made| Server::announce(core, made))
                    .ok_or_else(|| Refusal::new(INVALID_NAMESPACE));
            }
        }
        Err(Refusal::new(INVALID_NAMESPACE))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.connection.question_decided();
    }
}
