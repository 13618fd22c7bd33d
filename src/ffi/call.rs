//! Options of a call: plain values, which the core parses, and the caller's `AbortSignal`, which only this module knows.

use crate::error::{Code, Error};
use crate::rescue::copy::Progress;
use napi::bindgen_prelude::{FnArgs, Function, FunctionRef, JsObjectValue, Object, ObjectRef, Unknown};
use napi::{Env, JsValue, ValueType};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Name of the option that contains the signal.
const SIGNAL: &str = "signal";

/// Options of one call.
pub struct CallOptions {
    /// All options except the signal; an error if the signal is not an `AbortSignal`.
    pub values: Result<Option<Value>, Error>,
    pub signal: Option<CallSignal>,
    /// Counts the bytes, and carries the abort flag into the core.
    pub progress: Arc<Progress>,
}

impl CallOptions {
    /// Separates the signal from the other options, and listens to it. A signal that is already aborted sets the flag.
    pub fn read(env: Env, options: Option<Unknown<'_>>) -> napi::Result<Self> {
        let progress = Arc::new(Progress::default());
        let Some(options) = options else { return Ok(Self { values: Ok(None), signal: None, progress }) };
        if options.get_type()? != ValueType::Object || options.is_array()? {
            return Ok(Self { values: Ok(Some(env.from_js_value(options)?)), signal: None, progress });
        }
        let options = options.coerce_to_object()?;
        let mut values = Map::new();
        for name in Object::keys(&options)? {
            if name != SIGNAL
                && let Some(value) = options.get::<Value>(&name)?
            {
                values.insert(name, value);
            }
        }
        let values = Ok(Some(Value::Object(values)));
        let Some(given) = options.get::<Unknown<'_>>(SIGNAL)? else {
            return Ok(Self { values, signal: None, progress });
        };
        match given.get_type()? {
            ValueType::Undefined | ValueType::Null => Ok(Self { values, signal: None, progress }),
            ValueType::Object => {
                let signal = given.coerce_to_object()?;
                let listens = signal.get::<Unknown<'_>>("addEventListener")?;
                if listens.is_some_and(|listens| matches!(listens.get_type(), Ok(ValueType::Function))) {
                    let signal = CallSignal::listen(env, &signal, &progress)?;
                    return Ok(Self { values, signal: Some(signal), progress });
                }
                Ok(Self { values: Err(no_signal()), signal: None, progress })
            }
            _ => Ok(Self { values: Err(no_signal()), signal: None, progress }),
        }
    }
}

fn no_signal() -> Error {
    Error::new(Code::Usage, "signal must be an AbortSignal")
}

type Listener = FunctionRef<(), ()>;

/// An `AbortSignal` that sets the abort flag of one call.
pub struct CallSignal {
    signal: ObjectRef<false>,
    listener: Listener,
}

impl CallSignal {
    fn listen(env: Env, signal: &Object<'_>, progress: &Arc<Progress>) -> napi::Result<Self> {
        if signal.get::<bool>("aborted")?.unwrap_or_default() {
            progress.abort.set();
        }
        let flag = Arc::clone(progress);
        let listener: Function<'_, (), ()> = env.create_function_from_closure("abort", move |_| {
            flag.abort.set();
            Ok(())
        })?;
        let listen: Function<'_, FnArgs<(&str, Unknown<'_>)>, Unknown<'_>> =
            signal.get_named_property("addEventListener")?;
        let kept = listener.create_ref()?;
        listen.apply(*signal, FnArgs::from(("abort", listener.to_unknown())))?;
        Ok(Self { signal: signal.create_ref()?, listener: kept })
    }

    /// Returns an error that rejects a promise with the reason of the signal.
    pub fn reason(&self, env: Env) -> napi::Result<napi::Error> {
        let reason = self.signal.get_value(&env)?.get_named_property::<Unknown<'_>>("reason")?;
        Ok(napi::Error::from_unknown_without_coercion(reason))
    }

    /// Stops listening, so that a long-lived signal does not collect the listeners of past calls.
    pub fn leave(self, env: Env) -> napi::Result<()> {
        let signal = self.signal.get_value(&env)?;
        let leave: Function<'_, FnArgs<(&str, Unknown<'_>)>, Unknown<'_>> =
            signal.get_named_property("removeEventListener")?;
        leave.apply(signal, FnArgs::from(("abort", self.listener.borrow_back(&env)?.to_unknown())))?;
        self.signal.unref(&env)
    }
}
