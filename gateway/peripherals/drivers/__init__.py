"""What touches hardware: the radio, the serial port, the examination camera, and one module per device.

Imported by `supervisor` only. `radio` alone imports bleak, `serial_port` alone pyserial, `picture` alone cv2.
"""
