//! What is blocked over a span of time, one bit for each 5 minutes.

use super::{Day, DayBits, Span, Tick};

const WORD_TICKS: i64 = 64;

/// What is blocked over a span, one bit for each 5 minutes. Everything outside the span is blocked.
///
/// ```
/// use holdfast::domain::{Day, Span, Timeline};
///
/// let (day, next): (Day, Day) = ("2027-03-15".parse().unwrap(), "2027-03-16".parse().unwrap());
/// let known = Timeline::over(day.span());
/// assert!(!known.is_blocked(day.span()));
/// // Nobody said that the next day is free.
/// assert!(known.is_blocked(Span::new(day.start(), next.span().end)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    span: Span,
    /// The tick of the first bit, a multiple of 64. A UTC day has 288 ticks, so each begins half a word in or
    /// at a word, and its bits go in by halves of a word.
    base: i64,
    words: Vec<u64>,
}

impl Timeline {
    /// All free from the start of this span to its end. Takes a bit per 5 minutes: 1 KB for 30 days.
    pub fn over(span: Span) -> Self {
        let first = span.start.index().div_euclid(WORD_TICKS);
        let last = (span.end.index() + WORD_TICKS - 1).div_euclid(WORD_TICKS);
        let words = vec![0; usize::try_from(last - first).unwrap_or(0)];
        let mut timeline = Self { span, base: first * WORD_TICKS, words };
        timeline.set(Span::new(timeline.tick(0), span.start));
        timeline.set(Span::new(span.end, timeline.tick(timeline.words.len() * 64)));
        timeline
    }

    /// Where anything can be free at all.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Blocks this time.
    pub fn block(&mut self, span: Span) {
        self.set(span.intersect(self.span));
    }

    /// Blocks what is set in the bits of a UTC day.
    pub fn block_day(&mut self, day: Day, bits: &DayBits) {
        let (halves, _) = bits.as_bytes().as_chunks::<4>();
        for (bit, half) in (day.start().index() - self.base..).step_by(32).zip(halves) {
            if let Ok(bit) = usize::try_from(bit)
                && let Some(word) = self.words.get_mut(bit / 64)
            {
                *word |= u64::from(u32::from_le_bytes(*half)) << (bit % 64);
            }
        }
    }

    /// Whether any of this time is blocked.
    pub fn is_blocked(&self, span: Span) -> bool {
        self.next_blocked(span.start) < span.end
    }

    /// The first blocked tick at or after this one. There always is one.
    pub fn next_blocked(&self, from: Tick) -> Tick {
        let Ok(bit) = usize::try_from(from.index() - self.base) else { return from };
        let mut mask = u64::MAX << (bit % 64);
        for (index, word) in self.words.iter().enumerate().skip(bit / 64) {
            let blocked = word & mask;
            if blocked != 0 {
                return self.tick(index * 64 + blocked.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        from.max(self.tick(self.words.len() * 64))
    }

    /// The first free tick at or after this one.
    pub fn next_free(&self, from: Tick) -> Option<Tick> {
        let bit = usize::try_from(from.index().max(self.base) - self.base).ok()?;
        let mut mask = u64::MAX << (bit % 64);
        for (index, word) in self.words.iter().enumerate().skip(bit / 64) {
            let free = !word & mask;
            if free != 0 {
                return Some(self.tick(index * 64 + free.trailing_zeros() as usize));
            }
            mask = u64::MAX;
        }
        None
    }

    fn tick(&self, bit: usize) -> Tick {
        Tick::from_index(self.base + i64::try_from(bit).unwrap_or(i64::MAX))
    }

    /// Sets the bits of a span that lies within the words.
    fn set(&mut self, span: Span) {
        let bit = |tick: Tick| usize::try_from(tick.index() - self.base).unwrap_or(0);
        let (from, to) = (bit(span.start), bit(span.end));
        if from >= to {
            return;
        }
        let (first, last) = (from / 64, (to - 1) / 64);
        for (index, word) in self.words.iter_mut().enumerate().take(last + 1).skip(first) {
            let mut mask = u64::MAX;
            if index == first {
                mask &= u64::MAX << (from % 64);
            }
            if index == last {
                mask &= u64::MAX >> (63 - (to - 1) % 64);
            }
            *word |= mask;
        }
    }
}
