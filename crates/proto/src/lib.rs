#![doc = include_str!("../README.md")]

pub mod data;
pub mod engine;
pub mod socket;
pub mod websocket;
