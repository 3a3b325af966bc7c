//! Modelled cards, in a build that has them (feature `models`).
//!
//! The rule: a build without them links no device model, and says what to do instead when
//! one is asked for. There a [`Model`] is a type without a value, so that nobody else has
//! to know which build it is.
//!
//! Not here: the models (`lockgate-nicmodel`), and what is plugged into one
//! ([`crate::endpoints`]).

use lockgate_policy::Device;

use crate::error::Failure;

#[cfg(feature = "models")]
pub use lockgate_nicmodel::{Model, Receive};

#[cfg(not(feature = "models"))]
pub use absent::{Model, Receive};

/// The model that `device` names; `None` if it names a card.
///
/// # Errors
/// A usage failure when this build has no such model.
pub fn open(device: &Device) -> Result<Option<Model>, Failure> {
    let device = device.to_string();
    match device.strip_prefix("model:") {
        None => Ok(None),
        Some(name) => by_name(name).map(Some),
    }
}

#[cfg(feature = "models")]
fn by_name(name: &str) -> Result<Model, Failure> {
    Model::by_name(name).ok_or_else(|| {
        let known: Vec<_> = lockgate_nicmodel::MODELS
            .iter()
            .map(|kind| format!("model:{}", kind.name))
            .collect();
        Failure::usage(
            format!("there is no model of an {name}"),
            format!("use {}, or a PCI address", known.join(", ")),
        )
    })
}

#[cfg(not(feature = "models"))]
fn by_name(name: &str) -> Result<Model, Failure> {
    Err(Failure::usage(
        format!("model:{name}: this build of lockgate has no models"),
        "name a PCI address (`lockgate nic list`), or build it with the feature `models`",
    ))
}

/// What stands for the models where there are none.
#[cfg(not(feature = "models"))]
mod absent {
    use lockgate_drivers::device::Card;

    /// What a model made of a frame.
    #[derive(Debug, Clone, Copy)]
    #[expect(missing_docs, reason = "as in `lockgate-nicmodel`, and never made")]
    pub enum Receive {
        Stored { copies: u8, missed: u8 },
        Held,
        Filtered,
        NotReady,
    }

    /// A model, of which this build has none.
    #[derive(Debug, Clone, Copy)]
    pub enum Model {}

    #[expect(missing_docs, reason = "as in `lockgate-nicmodel`, and never called")]
    impl Model {
        pub fn card(&self) -> Card {
            match *self {}
        }

        pub fn receive(&self, _frame: &[u8]) -> Receive {
            match *self {}
        }

        pub fn room(&self, _frame: &[u8]) -> bool {
            match *self {}
        }

        pub fn transmitted(&self) -> Vec<Vec<u8>> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(text: &str) -> Device {
        text.parse().unwrap()
    }

    #[test]
    fn a_pci_address_names_no_model() {
        assert!(matches!(open(&device("0000:03:00.0")), Ok(None)));
    }

    #[cfg(feature = "models")]
    #[test]
    fn every_model_that_there_is_can_be_named_as_a_device() {
        for kind in &lockgate_nicmodel::MODELS {
            let model = open(&device(&format!("model:{}", kind.name))).unwrap();
            assert_eq!(model.unwrap().card().id.device, kind.device_ids[0]);
        }
    }

    #[cfg(not(feature = "models"))]
    #[test]
    fn a_build_without_models_says_so_and_what_to_do() {
        let failure = open(&device("model:82576")).err().unwrap();
        assert_eq!(failure.status(), 2);
        assert!(failure.message().contains("has no models"));
        assert!(failure.help().unwrap().contains("PCI address"));
    }
}
