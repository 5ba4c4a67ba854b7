"""What both front doors share: predictor, protocol, model store, capture and metrics; and the client."""
