//! Where a value comes from.

use std::ops::Deref;

use crate::source::Span;

/// The layer that a value was declared in; later ones win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// lagproof's own defaults, pinned by the matrix's `edition`.
    Edition,
    /// `[defaults]` of the matrix.
    Defaults,
    /// The service type's row.
    Type,
    /// The service's profile, or for topics topics.toml.
    Profile,
    /// A case that experiments with the service.
    Case,
    /// An environment of lagproof.toml.
    Environment,
}

impl Layer {
    /// In words: "the type's row".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Edition => "the edition's default",
            Self::Defaults => "the project's defaults",
            Self::Type => "the type's row",
            Self::Profile => "the profile",
            Self::Case => "the case",
            Self::Environment => "the environment",
        }
    }
}

/// A layer and the place in it. For [`Layer::Edition`] the place is where the edition is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The value's place.
    pub span: Span,
}

/// A value that knows where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value from `layer`, at `span`.
    pub const fn new(value: T, layer: Layer, span: Span) -> Self {
        Self {
            value,
            origin: Origin { layer, span },
        }
    }

    /// The value's place.
    pub const fn span(&self) -> Span {
        self.origin.span
    }

    /// Another value of the same origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced {
            value: change(self.value),
            origin: self.origin,
        }
    }

    /// Whether lagproof's own defaults gave it, not a person.
    pub fn is_edition(&self) -> bool {
        self.origin.layer == Layer::Edition
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
