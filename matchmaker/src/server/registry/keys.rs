//! What the registry's keys are called. All of one replica's are in one slot of a cluster.

use crate::server::engine::Namespace;

/// The keys under one namespace.
pub(super) struct Keys {
    prefix: String,
}

/// What is listed of each replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Sessions,
    Rooms,
}

impl Listed {
    pub(super) const ALL: [Listed; 2] = [Listed::Sessions, Listed::Rooms];

    fn what(self) -> &'static str {
        match self {
            Listed::Sessions => "sessions",
            Listed::Rooms => "rooms",
        }
    }
}

impl Keys {
    pub(super) fn new(namespace: &Namespace) -> Self {
        Keys { prefix: namespace.prefix() }
    }

    /// A replica's sessions or rooms, by id.
    pub(super) fn values(&self, boot: &str, listed: Listed) -> String {
        self.of(boot, listed.what())
    }

    /// Their ids in order.
    pub(super) fn ids(&self, boot: &str, listed: Listed) -> String {
        format!("{}-ids", self.values(boot, listed))
    }

    /// A replica as a whole.
    pub(super) fn about(&self, boot: &str) -> String {
        self.of(boot, "about")
    }

    /// All replicas, each with when it was heard of last, in milliseconds by the engine's clock.
    pub(super) fn replicas(&self) -> String {
        format!("{}{{replicas}}", self.prefix)
    }

    /// What happens, of all replicas.
    pub(super) fn events(&self) -> String {
        format!("{}{{events}}", self.prefix)
    }

    /// Which stream of events that is: another one, once the engine was emptied.
    pub(super) fn events_identity(&self) -> String {
        format!("{}{{events}}:identity", self.prefix)
    }

    /// What was ordered and holds, by what it is about.
    pub(super) fn orders(&self) -> String {
        format!("{}{{orders}}", self.prefix)
    }

    /// The last orders in the order in which they were given.
    pub(super) fn order_log(&self) -> String {
        format!("{}{{orders}}:log", self.prefix)
    }

    fn of(&self, boot: &str, what: &str) -> String {
        format!("{}{{r:{boot}}}:{what}", self.prefix)
    }
}
