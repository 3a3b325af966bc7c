//! The table of models beside the table of drivers.

use lockgate_drivers::CARDS;
use lockgate_nicmodel::{MODELS, ModelKind};

#[test]
fn every_card_with_a_driver_has_a_model_of_its_name_and_numbers() {
    for card in &CARDS {
        let model = ModelKind::by_name(card.name).expect(card.name);
        assert_eq!(model.device_ids, card.device_ids, "{}", card.name);
    }
}

#[test]
fn every_model_is_a_card_that_a_driver_opens() {
    for model in &MODELS {
        let nic = lockgate_drivers::open(model.model().card());
        assert!(nic.is_ok(), "{}", model.name);
    }
}
