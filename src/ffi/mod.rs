//! The boundary to Node: the only place that knows napi. Every export converts in, calls one function, converts out.
//!
//! Values cross as JSON trees whose types `contract` writes into `types.d.ts`. A panic never crosses: synchronous exports
//! catch it, tasks catch it around their call, and its text stays silent (`panic`). Errors reach JavaScript as `Error` with `code`, `path`, `hint` and
//! `exitCode`.

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
