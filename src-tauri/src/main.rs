//! NeuralChat Desktop.
fn main() {}
