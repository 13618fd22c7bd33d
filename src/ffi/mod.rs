//! The boundary to Node, and the only module that uses napi. Every export converts its input, calls one
//! function, and converts the result.
//!
//! Values cross as JSON trees whose types `contract` writes to `types.d.ts`. A panic never crosses:
//! synchronous exports catch it, tasks catch it around their call, and `panic` silences its message. Errors
//! reach JavaScript as `Error` with `code`, `path`, `hint` and `exitCode`.

#![warn(missing_docs)]

mod dashboard;
mod hook;
mod panic;
mod rescue;
mod service;
mod statusline;
mod supervise;
mod task;
mod verbs;
