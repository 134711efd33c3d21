from motion_i2v import models
def test_x():
    assert models.__doc__
