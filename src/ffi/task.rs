//! Runs one call of the core on a thread of Node's pool.

use crate::error::{Code, Error, without_panic};
use napi::bindgen_prelude::{Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, Task};
use serde::Serialize;

/// Call that returns its result as JSON text.
pub type Call = Box<dyn FnOnce() -> Result<String, Error> + Send>;

/// Task of Node's thread pool. The task takes `call` when it runs, and stores its error in `failed` for the
/// rejection.
pub struct CoreTask {
    call: Option<Call>,
    failed: Option<Error>,
}

impl CoreTask {
    /// Creates a task that runs `call` and resolves to its result.
    pub fn new<T: Serialize>(call: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Self {
        let call = move || {
            let answer = call()?;
            serde_json::to_string(&answer)
                .map_err(|error| Error::new(Code::Internal, format!("could not encode the answer: {error}")))
        };
        Self { call: Some(Box::new(call)), failed: None }
    }
}

impl Task for CoreTask {
    type Output = String;
    type JsValue = Unknown<'static>;

    fn compute(&mut self) -> napi::Result<String> {
        let Some(call) = self.call.take() else { return Ok("null".to_owned()) };
        without_panic(call).map_err(|error| {
            let reason = error.to_string();
            self.failed = Some(error);
            napi::Error::from_reason(reason)
        })
    }

    /// Parses the result with `JSON.parse`, which is faster than creating each value through napi and keeps
    /// all numbers as JavaScript numbers.
    fn resolve(&mut self, env: Env, answer: String) -> napi::Result<Unknown<'static>> {
        let json: Object<'_> = env.get_global()?.get_named_property("JSON")?;
        let parse: Function<'static, String, Unknown<'static>> = json.get_named_property("parse")?;
        parse.call(answer)
    }

    fn reject(&mut self, env: Env, reason: napi::Error) -> napi::Result<Unknown<'static>> {
        match self.failed.take() {
            Some(error) => Err(js_error(env, &error).unwrap_or(reason)),
            None => Err(reason),
        }
    }
}

/// Converts an error of the core to a JavaScript `Error` with the same fields.
fn js_error(env: Env, error: &Error) -> napi::Result<napi::Error> {
    let mut object: Object<'_> = env.create_error(napi::Error::from_reason(error.message.clone()))?;
    object.set("code", error.code.as_str())?;
    object.set("path", error.path.as_ref().map(|path| path.to_string_lossy().into_owned()))?;
    object.set("hint", error.hint.clone())?;
    object.set("exitCode", error.code.exit_code())?;
    Ok(napi::Error::from(object.to_unknown()))
}
