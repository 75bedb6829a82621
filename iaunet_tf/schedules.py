"""Learning-rate schedules that Keras lacks."""

import keras
from keras import ops

from iaunet_tf.arguments import check_number


@keras.saving.register_keras_serializable("iaunet_tf")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule whose rate first rises from zero: in the first `steps`, it is multiplied by `step / steps`."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int):
        check_number("steps", steps, 1, whole=True)
        self.schedule, self.steps = schedule, int(steps)

    def __call__(self, step):
        rate = self.schedule(step)
        return rate * ops.minimum(ops.cast(step, rate.dtype) / self.steps, 1)

    def get_config(self):
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "steps": self.steps}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["steps"])
