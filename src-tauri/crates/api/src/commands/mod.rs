//! The commands, each a plain function over [`Api`](crate::Api) with its request and its response.

pub mod answers;
pub mod chats;
pub mod machine;
pub mod models;
pub mod settings;
