//! Builds the answer of a command as one value, which is printed either for people or, unchanged, as JSON.

pub mod account;
mod arms;
pub mod cancel;
pub mod config;
pub mod doctor;
pub mod find;
pub mod find_project;
pub mod gone;
pub mod handoff;
pub mod inventory;
pub mod list;
pub mod log;
pub mod log_words;
pub mod pages;
pub mod pause;
pub mod preview;
pub mod recall;
pub mod remains;
pub mod resume;
pub mod run;
pub mod search;
pub mod session;
pub mod show;
pub mod state;
pub mod status;
pub mod words;
