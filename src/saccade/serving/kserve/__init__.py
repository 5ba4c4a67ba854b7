"""Front door 2: the kserve ModelServer, REST and gRPC on the Open Inference Protocol."""
