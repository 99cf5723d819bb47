//! Which trace something belongs to, as frames carry it. The machines pass it on and know nothing of it; spans are the shells' work.

use std::fmt;

/// A span of a sampled trace (W3C Trace Context): what becomes of it is its child. Only what is recorded has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Not all zeros.
    pub trace: [u8; 16],
    /// Not all zeros.
    pub span: [u8; 8],
    /// `trace-flags`.
    pub flags: u8,
}

impl TraceContext {
    /// The bytes of a frame. What is no context is none: telemetry breaks no link.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (trace, rest) = bytes.split_first_chunk::<16>()?;
        let (span, rest) = rest.split_first_chunk::<8>()?;
        let [flags] = rest else { return None };
        let is_valid = *trace != [0; 16] && *span != [0; 8];
        is_valid.then_some(TraceContext { trace: *trace, span: *span, flags: *flags })
    }

    /// 25 bytes: trace id, span id, flags.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.trace[..], &self.span, &[self.flags]].concat()
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{:016x}", u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span))
    }
}

/// The traces that a match belongs to: each of the two clients has its own, where it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchTraces {
    /// Of who is told.
    pub own: Option<TraceContext>,
    /// Of the other.
    pub partner: Option<TraceContext>,
}

impl MatchTraces {
    /// Those of two wishes, if any is recorded.
    pub fn of(own: Option<&TraceContext>, partner: Option<&TraceContext>) -> Option<Box<Self>> {
        let traces = MatchTraces { own: own.copied(), partner: partner.copied() };
        (traces.own.is_some() || traces.partner.is_some()).then(|| Box::new(traces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_context_is_none() {
        let context = TraceContext { trace: [7; 16], span: [8; 8], flags: 1 };
        let bytes = context.to_bytes();
        assert_eq!(TraceContext::from_bytes(&bytes), Some(context));
        for wrong in [&[][..], &bytes[1..], &[bytes.clone(), vec![0]].concat(), &[0; 25]] {
            assert_eq!(TraceContext::from_bytes(wrong), None, "{wrong:?}");
        }
    }
}
