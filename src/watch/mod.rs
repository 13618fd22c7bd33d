//! Watching: what is looked at when a turn of a session ended well. How full its context is, and whether what was said in it
//! is in its transcript at all.
//!
//! Both are looks at the end of a file, taken by an asynchronous hook after every turn, so the answer "all is well" costs
//! next to nothing and writes nothing. What a person has to be told of it waits as a flag for their next prompt.

pub mod context;
pub mod saving;
pub mod shadow;
pub mod weight;
