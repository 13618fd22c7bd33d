//! Runs one call of the core on a thread of Node's pool.

use super::call::{CallOptions, CallSignal};
use crate::error::{Code, Error, without_panic};
use crate::rescue::copy::Progress;
use napi::bindgen_prelude::{Function, JsObjectValue, Object, Unknown};
use napi::{Env, JsValue, Task};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Creates the JavaScript value of a result, on the thread of JavaScript.
pub type Answer = Box<dyn FnOnce(Env) -> napi::Result<Unknown<'static>> + Send>;
type Call = Box<dyn FnOnce(&Arc<Progress>) -> Result<Answer, Error> + Send>;

/// Task of Node's thread pool. The task takes `call` when it runs, and stores its error in `failed` for the
/// rejection.
pub struct CoreTask {
    call: Option<Call>,
    failed: Option<Error>,
    signal: Option<CallSignal>,
    progress: Arc<Progress>,
}

impl CoreTask {
    /// Creates a task that runs `call` with these options and resolves to its result as a plain value.
    pub fn new<T: Serialize>(
        options: CallOptions,
        call: impl FnOnce(Option<Value>, &Arc<Progress>) -> Result<T, Error> + Send + 'static,
    ) -> Self {
        Self::answering(options, move |values, progress| {
            let text = encode(&call(values, progress)?)?;
            Ok(Box::new(move |env| parse(env, text)))
        })
    }

    /// Creates a task that runs `call` with these options and resolves to what its answer creates.
    pub fn answering(
        options: CallOptions,
        call: impl FnOnce(Option<Value>, &Arc<Progress>) -> Result<Answer, Error> + Send + 'static,
    ) -> Self {
        let CallOptions { values, signal, progress } = options;
        let call = move |progress: &Arc<Progress>| {
            // An aborted call does nothing, not even when it waited for a thread while it was aborted.
            progress.abort.check()?;
            call(values?, progress)
        };
        Self { call: Some(Box::new(call)), failed: None, signal, progress }
    }
}

impl Task for CoreTask {
    type Output = Answer;
    type JsValue = Unknown<'static>;

    fn compute(&mut self) -> napi::Result<Answer> {
        let Some(call) = self.call.take() else { return Ok(Box::new(|env| parse(env, "null".to_owned()))) };
        without_panic(|| call(&self.progress)).map_err(|error| {
            let reason = error.to_string();
            self.failed = Some(error);
            napi::Error::from_reason(reason)
        })
    }

    fn resolve(&mut self, env: Env, answer: Answer) -> napi::Result<Unknown<'static>> {
        answer(env)
    }

    fn reject(&mut self, env: Env, reason: napi::Error) -> napi::Result<Unknown<'static>> {
        match (self.failed.take(), &self.signal) {
            (Some(error), Some(signal)) if error.code == Code::Aborted => Err(signal.reason(env)?),
            (Some(error), _) => Err(js_error(env, &error).unwrap_or(reason)),
            (None, _) => Err(reason),
        }
    }

    fn finally(mut self, env: Env) -> napi::Result<()> {
        self.signal.take().map_or(Ok(()), |signal| signal.leave(env))
    }
}

/// Encodes a result for [`parse`].
pub fn encode(answer: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(answer)
        .map_err(|error| Error::new(Code::Internal, format!("could not encode the answer: {error}")))
}

/// Parses a result with `JSON.parse`, which is faster than creating each value through napi and keeps
/// all numbers as JavaScript numbers.
pub fn parse(env: Env, answer: String) -> napi::Result<Unknown<'static>> {
    let json: Object<'_> = env.get_global()?.get_named_property("JSON")?;
    let parse: Function<'static, String, Unknown<'static>> = json.get_named_property("parse")?;
    parse.call(answer)
}

/// Converts an error of the core to a JavaScript `Error` with the same fields.
pub fn js_error(env: Env, error: &Error) -> napi::Result<napi::Error> {
    let mut object: Object<'_> = env.create_error(napi::Error::from_reason(error.message.clone()))?;
    object.set("code", error.code.as_str())?;
    object.set("path", error.path.as_ref().map(|path| path.to_string_lossy().into_owned()))?;
    object.set("hint", error.hint.clone())?;
    object.set("exitCode", error.code.exit_code())?;
    Ok(napi::Error::from(object.to_unknown()))
}
