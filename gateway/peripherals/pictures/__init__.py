"""Pictures of the examination cameras, once they are bytes or arrays: judged, measured, compared, made into files.
No device is touched here; the drivers in `gateway.peripherals.drivers` and the export command import it.
OpenCV is a calculator here; `gateway.peripherals.drivers.grabber` alone opens cameras with it."""
