//! The boundary to Node, and the only module that uses napi. Every export converts its input, calls one
//! function, and converts the result.
//!
//! Values cross the boundary as JSON trees, whose types `contract` writes to `types.d.ts`. A panic never
//! crosses it: synchronous exports and tasks catch panics, and `panic` silences their messages. Errors reach
//! JavaScript as `Error` with `code`, `path`, `hint` and `exitCode`.

#![warn(missing_docs)]

mod call;
mod dashboard;
mod hook;
mod panic;
mod rescue;
mod service;
mod statusline;
mod supervise;
mod task;
mod verbs;
