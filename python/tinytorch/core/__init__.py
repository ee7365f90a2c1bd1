"""The course's core modules: tensor, autograd, layers, losses, optimizers, training and so on."""
