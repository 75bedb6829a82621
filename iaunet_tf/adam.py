"""Adam and AdamW by one kernel."""

import keras

from iaunet_tf.rates import SlowVariables


@keras.saving.register_keras_serializable("iaunet_tf")
class Adam(SlowVariables, keras.optimizers.Adam):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1), or with `weight_decay` AdamW (Loshchilov and Hutter, ICLR 2019).

    As in the paper and in PyTorch, `epsilon` is added to the root of the second moment after its bias correction, and
    not before it as in Keras. Every variable is updated by TensorFlow's kernel: Keras' own update is a dozen
    operations, each a pass over memory; for a ResNet-50 they take half of the time in which a step is compiled.
    `SlowVariables` explains further arguments.
    """

    def update_step(self, gradient, variable, learning_rate):
        import tensorflow as tf

        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index, kind = self._get_variable_index(variable), variable.dtype
        step = self.iterations + 1
        if self.is_slow(variable) and self.slow_start:
            # Bias correction counts the steps that gave this variable gradients.
            step = tf.maximum(step - self.slow_start, 1)
        step = tf.cast(step, kind)
        beta2_power = self.beta_2**step
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=beta2_power,
            lr=tf.cast(self.rate_of(variable, learning_rate), kind),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon * tf.sqrt(1 - beta2_power),  # the kernel adds it before the correction
            grad=tf.cast(gradient, kind),
            use_locking=True,
        )
