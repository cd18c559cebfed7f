//! Rooms, selections and the cluster protocol.
