"""The simulated Bluetooth instruments seen from the other side of the virtual radio: their bytes and their manners.

Bytes are compared with specifications and recordings, never with the gateway's decoders.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

import sim.radio
from sim.ble.bond import Bond
from sim.ble.thermometer import PLATE, Thermometer
from sim.ether import SUPERVISION_S
from tests.integration.sim_ble_rig import WAIT_S, Gateway, Room, room, uuid

SILENCE_S = 0.3
"""Ten advertisements of an instrument that is awake."""


class Nurse:
    """Reads digits off the instrument and types them on the screen, or the other way round."""

    def __init__(self, there: Room, name: str) -> None:
        self.room, self.name, self.wrong = there, name, False
        self.shown: list[str | None] = []

    async def enter(self, name: str) -> str | None:
        assert name == self.room.things[self.name].plate.address
        async with asyncio.timeout(WAIT_S):
            await self.room.things[self.name].bonds.looked_at.wait()
        passkey = self.room.press(self.name, "passkey")["passkey"]
        return f"{(int(passkey) + 1) % 1_000_000:06}" if self.wrong else passkey

    def show(self, name: str, passkey: str | None) -> None:
        self.shown.append(passkey)


@asynccontextmanager
async def bonded(there: Room, name: str) -> AsyncIterator[Gateway]:
    async with there.visit(name) as gateway:
        await gateway.client.pair()
        yield gateway


async def test_an_instrument_is_silent_until_it_is_touched_and_again_after_it_hung_up() -> None:
    """Nothing on the air, then a measurement, its own hang-up, nothing again."""
    async with room("thermometer") as there:
        assert await there.seen("thermometer", SILENCE_S) is None
        there.press("thermometer", "measure", temperature="37.60", site="ear", seconds=0.2)
        _, advertised = await there.seen("thermometer")
        assert (advertised.local_name, advertised.service_uuids) == ("Thermometre Simulé", [uuid("1809")])
        async with bonded(there, "thermometer") as gateway:
            await gateway.subscribe("2A1C")
            frame = (await gateway.hear("2A1C"))[0]
            await gateway.hung_up()
        # FLOAT FE000EB0 is 37.60 (HL7 PHD guide, FLOATS); flags: time and type, Celsius; type 3 is the ear.
        assert (frame[:5].hex(), frame[-1], len(frame)) == ("06b00e00fe", 3, 13)
        await there.asleep("thermometer")
        assert await there.seen("thermometer", SILENCE_S) is None
        assert there.things["thermometer"].shown()["memory"] == 0


async def test_a_bond_is_asked_for_and_a_refused_subscription_leaves_no_trace() -> None:
    """Insufficient encryption (0x0F), then each record once."""
    async with room("thermometer") as there:
        there.press("thermometer", "remember", press=True)
        async with there.visit("thermometer") as gateway:
            with pytest.raises(BleakGATTProtocolError) as refused:
                await gateway.subscribe("2A1C")
            assert int(refused.value.code) == 0x0F
            await gateway.client.pair()
            await gateway.subscribe("2A1C")
            await gateway.hung_up()
        assert len(gateway.of("2A1C")) == 1


async def test_memory_comes_oldest_first_and_only_what_was_confirmed_is_forgotten() -> None:
    """A hang-up in the middle of the second of three: it comes again with the next visit."""
    async with room("thermometer") as there:
        for temperature in ("36.1", "36.2", "36.3"):
            there.press("thermometer", "remember", temperature=temperature)
        there.press("thermometer", "hang_up", after=2)
        there.press("thermometer")
        async with bonded(there, "thermometer") as first:
            await first.subscribe("2A1C")
            await first.hung_up()
        async with there.visit("thermometer") as second:
            await second.subscribe("2A1C")
            await second.hung_up()
        tenths = [[frame[1] | frame[2] << 8 for frame in visit.of("2A1C")] for visit in (first, second)]
        assert tenths == [[361, 362], [362, 363]]


async def test_a_wrong_clock_is_written_beside_the_record_until_somebody_sets_it() -> None:
    """Three days slow; Date Time as the gateway wrote it afterwards; unset: no stamp and seven zeros."""
    async with room("thermometer") as there:
        there.press("thermometer", "clock", unset=True)
        there.press("thermometer", "remember", press=True)
        async with bonded(there, "thermometer") as gateway:
            assert await gateway.read("2A08") == bytes(7)
            await gateway.subscribe("2A1C")
            assert (await gateway.hear("2A1C"))[0][0] & 0x02 == 0
            await gateway.write("2A08", "e9070c1f173b3b")
            assert (await gateway.read("2A08"))[:4].hex() in ("e9070c1f", "ea070101")
        told = there.things["thermometer"].shown()
        assert told["times_written"] == 1
        assert told["clock_offset_s"] is not None


async def test_a_time_can_be_refused_with_the_error_that_means_success() -> None:
    """ATT 0x80."""
    async with room("thermometer") as there:
        there.press("thermometer", "time_refused")
        there.press("thermometer", "remember", press=True)
        async with bonded(there, "thermometer") as gateway:
            with pytest.raises(BleakGATTProtocolError) as refused:
                await gateway.write("2A08", "e9070c1f173b3b")
            assert int(refused.value.code) == 0x80


async def test_a_passkey_cuff_bonds_with_nobody_and_not_with_wrong_digits() -> None:
    """Refused without keyboard (0x03), refused with other digits (0x04), new digits each time, then bonded."""
    async with room("beurer") as there:
        there.press("beurer", "remember", systolic=106, diastolic=71, pulse=63, press=True)
        async with there.visit("beurer") as gateway:
            with pytest.raises(BleakGATTProtocolError) as unbonded:
                await gateway.subscribe("2A35")
            assert int(unbonded.value.code) == 0x05
            with pytest.raises(BleakDBusError, match="AUTHENTICATION_REQUIREMENTS"):
                await gateway.client.pair()
        nurse = there.client.passkey_operator = Nurse(there, "beurer")
        nurse.wrong = True
        async with there.visit("beurer") as gateway:
            with pytest.raises(BleakDBusError, match="CONFIRM_VALUE_FAILED"):
                await gateway.client.pair()
        assert not there.things["beurer"].bonds.bonded
        nurse.wrong = False
        async with bonded(there, "beurer") as gateway:
            await gateway.subscribe("2A35")
            frame = (await gateway.hear("2A35"))[0]
        assert there.things["beurer"].bonds.bonded
        # As recorded from a BM85: flags 56, no mean, user byte unannounced, pulse and status big-endian.
        assert (frame[:7].hex(), frame[14:].hex(), len(frame)) == ("566a0047000000", "003f000000", 19)
        assert nurse.shown[-1] is None
        assert there.things["beurer"].bonds.passkey is None


async def test_a_cuff_that_forgets_nothing_sends_everything_each_time_and_waits() -> None:
    """Two visits, the same two records, no hang-up of its own; the bond is resumed."""
    async with room("beurer") as there:
        there.client.passkey_operator = Nurse(there, "beurer")
        for systolic in (121, 122):
            there.press("beurer", "remember", systolic=systolic)
        there.press("beurer")
        async with bonded(there, "beurer") as first:
            await first.subscribe("2A35")
            await first.hear("2A35", 2)
            assert not first.gone.is_set()
        await there.asleep("beurer")
        there.press("beurer")
        async with there.visit("beurer") as second:
            await second.subscribe("2A35")
            await second.hear("2A35", 2)
        assert first.of("2A35") == second.of("2A35")


@pytest.mark.parametrize("wrong", [False, True])
async def test_digits_can_be_typed_on_the_instrument(wrong: bool) -> None:
    """Passkey Entry the other way round: the gateway shows, the instrument's keys decide."""
    plate = replace(PLATE, bond=Bond.keyboard)
    async with room(typed=lambda air, patient: Thermometer(air, patient, plate)) as there:
        nurse = there.client.passkey_operator = Nurse(there, "typed")
        bonds = there.things["typed"].bonds
        there.press("typed", "remember", press=True)
        async with there.visit("typed") as gateway, asyncio.TaskGroup() as tasks:
            pairing = tasks.create_task(_outcome(gateway.client.pair()))
            await bonds.looked_at.wait()
            digits = str(nurse.shown[0])
            if wrong:
                digits = digits[:-1] + str((int(digits[-1]) + 1) % 10)
            assert there.press("typed", "passkey", digits=digits)["asks"]
            assert isinstance(await pairing, BleakDBusError) is wrong
            if not wrong:
                await gateway.subscribe("2A1C")
                await gateway.hear("2A1C")
        assert there.things["typed"].bonds.bonded is not wrong
        assert nurse.shown[-1] is None
        assert len(nurse.shown) == 2


async def _outcome(work: Any) -> BleakError | None:
    try:
        await work
    except BleakError as error:
        return error
    return None


async def test_the_newer_omron_bonds_in_its_pairing_mode_only() -> None:
    """Two names; refused in transfer; 0x80 to a time it already has; records gone once they were sent."""
    async with room("omron") as there:
        there.press("omron", "remember", press=True)
        _, advertised = await there.seen("omron")
        assert advertised.local_name.startswith("BLESmart_")
        assert advertised.manufacturer_data.keys() == {0x020E}
        async with there.visit("omron") as gateway:
            with pytest.raises(BleakDBusError, match="PAIRING_NOT_SUPPORTED"):
                await gateway.client.pair()
        there.press("omron", "switch_off")
        await there.asleep("omron")
        assert there.press("omron", "pairing")["name"].startswith("BLEsmart_")
        async with bonded(there, "omron") as gateway:
            await gateway.subscribe("2A2B")
            told = (await gateway.hear("2A2B"))[0]
            assert len(told) == 10
            with pytest.raises(BleakGATTProtocolError) as same:
                await gateway.write("2A2B", told)
            assert int(same.value.code) == 0x80
        await there.asleep("omron")
        there.press("omron")
        async with there.visit("omron") as gateway:
            await gateway.subscribe("2A35")
            await gateway.hung_up()
        assert len(gateway.of("2A35")) == 1
        assert there.things["omron"].shown()["memory"] == 0


LOCK = "B305B680-AEE7-11E1-A730-0002A5D5C51B"
INTO = ("DB5B55E0-AEE7-11E1-965E-0002A5D5C51B", "E0B8A060-AEE7-11E1-92F4-0002A5D5C51B")
OUT = ("49123040-AEE8-11E1-A74D-0002A5D5C51B", "4D0BF320-AEE8-11E1-A0D9-0002A5D5C51B")


async def test_an_older_omron_takes_a_key_in_its_pairing_mode_and_is_read_in_pieces() -> None:
    """Refused without key; programmed; opened; a block of its EEPROM over two channels, its checksum 0."""
    key = "deadbeaf12341234deadbeaf12341234"
    async with room("omron_older") as there:
        there.press("omron_older", "remember", systolic=109, diastolic=82, pulse=68)
        there.press("omron_older")
        async with bonded(there, "omron_older") as gateway:
            await gateway.subscribe(LOCK)
            for number, (request, answer) in enumerate([("01" + key, "810f"), ("02" + "00" * 16, "820f")], 1):
                await gateway.write(LOCK, request)
                assert (await gateway.hear(LOCK, number))[-1].hex() == answer
        await there.asleep("omron_older")
        assert there.press("omron_older", "pairing") == {"programming": True}
        async with there.visit("omron_older") as gateway:
            await gateway.subscribe(LOCK, *OUT)
            for number, (request, answer) in enumerate(
                    [("02" + "00" * 16, "8200"), ("00" + key, "8000"), ("01" + key, "8100")], 1):
                await gateway.write(LOCK, request)
                assert (await gateway.hear(LOCK, number))[-1].hex() == answer
            await gateway.write(INTO[0], "0800000000100018")
            await gateway.hear(OUT[0])
            await gateway.write(INTO[0], "08010002ac1000b7")
            await gateway.hear(OUT[1])
            whole = gateway.of(OUT[0])[-1] + gateway.of(OUT[1])[-1]
            await gateway.write(INTO[0], "080f000000000007")
            assert (await gateway.hear(OUT[0], 3))[-1][1:3].hex() == "8f00"
        assert (len(whole), whole[:6].hex(), whole[6:10].hex()[:4]) == (24, "18810002ac10", "5254")
        checksum = 0
        for octet in whole:
            checksum ^= octet
        assert checksum == 0


async def test_an_oximeter_speaks_each_second_and_says_when_no_finger_is_in_it() -> None:
    """2A5F with validity: early data first; NaN, unavailable and "not on user" without a finger."""
    async with room("oximeter") as there:
        there.press("oximeter", "finger", spo2=97, pulse=61)
        async with bonded(there, "oximeter") as gateway:
            await gateway.subscribe("2A5F")
            first = (await gateway.hear("2A5F"))[0]
            assert first[0] == 0x1D
            assert first[1:9].hex() == "61003d0061003d00"
            assert int.from_bytes(first[9:11], "little") & 0x60 == 0x60
            there.press("oximeter", "finger", **{"in": False})
            last = (await gateway.hear("2A5F", len(gateway.of("2A5F")) + 1))[-1]
        assert last[1:5].hex() == "ff07ff07"
        assert int.from_bytes(last[5:7], "little") == 1 << 13
        assert int.from_bytes(last[7:10], "little") == 1 << 11


async def test_a_glucose_meter_answers_its_control_point() -> None:
    """Not configured (0x81), count, from a number on, last, none, abort, unknown; context follows its record."""
    async with room("glucose") as there:
        for mg_dl in (104, 105, 106):
            there.press("glucose", "remember", mg_dl=mg_dl, meal="fasting", carbohydrate_g=45)
        there.press("glucose", "control_solution", mg_dl=120)
        async with bonded(there, "glucose") as gateway:
            with pytest.raises(BleakGATTProtocolError) as early:
                await gateway.write("2A52", "0101")
            assert int(early.value.code) == 0x81
            await gateway.subscribe("2A18", "2A34", "2A52")
            for number, (request, answer) in enumerate([
                ("0401", "05000400"), ("0103010300", "06000101"), ("0106", "06000101"), ("010301ff00", "06000106"),
                ("0300", "06000301"), ("010302ea070b16000000", "06000109"), ("0901", "06000902"),
                ("0100", "06000103"), ("01", "06000103"), ("0107", "06000104"), ("01030103", "06000105"),
            ], 1):
                await gateway.write("2A52", request)
                assert (await gateway.hear("2A52", number))[-1].hex() == answer, request
        numbers = [int.from_bytes(frame[1:3], "little") for frame in gateway.of("2A18")]
        assert numbers == [3, 4, 4]
        third, fourth = gateway.of("2A18")[0], gateway.of("2A18")[1]
        # B068 is 104e-5 kg/L: 106 is B06A; capillary plasma from a finger; context follows.
        assert (third[0], third[10:].hex()) == (0x12, "6ab012")
        assert fourth[-1] == 0x4A
        assert [frame.hex() for frame in gateway.of("2A34")] == ["030300012dd003"]
        assert there.things["glucose"].shown()["deleted"] == 0


async def test_a_meter_refuses_a_second_procedure_and_stops_when_told() -> None:
    """0x80 while it reports; after an abort no success of the report."""
    async with room("glucose") as there:
        for _ in range(60):
            there.press("glucose", "remember")
        there.press("glucose")
        async with bonded(there, "glucose") as gateway:
            await gateway.subscribe("2A18", "2A52")
            await gateway.write("2A52", "0101")
            await gateway.hear("2A18")
            with pytest.raises(BleakGATTProtocolError) as busy:
                await gateway.write("2A52", "0101")
            assert int(busy.value.code) == 0x80
            await gateway.write("2A52", "0300")
            assert (await gateway.hear("2A52"))[0].hex() == "06000301"
            await gateway.write("2A52", "0401")
            assert (await gateway.hear("2A52", 2))[1].hex() == "05003c00"
        assert len(gateway.of("2A18")) < 60


async def test_a_scale_sends_weight_then_body_in_two_packets_or_says_it_failed() -> None:
    """2A9D with user, BMI and height; 2A9C with bit 12 twice; FFFF when somebody got off too soon."""
    async with room("scale") as there:
        there.press("scale", "measure", weight="72.40", user=1, two_packets=True, seconds=0.2)
        async with bonded(there, "scale") as gateway:
            await gateway.subscribe("2A9D", "2A9C")
            await gateway.hung_up()
        weight, first, second = gateway.of("2A9D")[0], *gateway.of("2A9C")
        # 72.40 kg is 14480 steps of 5 g; 25.7 kg/m2; 1.68 m.
        assert (weight[:3].hex(), weight[10:].hex()) == ("0e9038", "0101019006")
        assert (first[:4].hex(), second[:4].hex()) == ("1e101101", "001f1101")
        there.press("scale", "factory")
        async with there.visit("scale") as gateway:
            await gateway.subscribe("2A9D", "2A9C")
            await gateway.hung_up()
        assert gateway.of("2A9D")[0][1:3].hex() == gateway.of("2A9C")[0][2:4].hex() == "ffff"


async def test_a_belt_gives_rate_contact_and_intervals_without_a_bond() -> None:
    """Flags 1E: contact, energy, RR intervals in 1/1024 s; contact lost when it is taken off."""
    async with room("belt") as there:
        there.press("belt", "wear", rate=71)
        async with there.visit("belt") as gateway:
            await gateway.subscribe("2A37")
            frames = await gateway.hear("2A37", 2)
            worn = frames[-1]
            assert worn[0] == 0x1E
            assert worn[1] == 71
            interval = int.from_bytes(worn[4:6], "little") / 1024
            assert 0.6 < interval < 1.1
            there.press("belt", "wear", on=False)
            assert (await gateway.hear("2A37", len(gateway.of("2A37")) + 1))[-1].hex() == "0400"


CONTROL, DATA = "FB005C81-02E7-F387-1CAD-8ACD2D8DF0C8", "FB005C82-02E7-F387-1CAD-8ACD2D8DF0C8"


async def test_the_polar_belt_streams_after_settings_and_start() -> None:
    """Replies as in Polar's description; 73 samples of three bytes; times a frame apart; refusals by number."""
    async with room("polar") as there:
        there.press("polar", "wear")
        async with there.visit("polar") as gateway:
            assert (await gateway.read(CONTROL))[0] == 0x0F
            await gateway.subscribe(CONTROL, DATA)
            for number, (request, answer) in enumerate([
                ("0100", "f0010000000001820001010e00"), ("02000001f40101010e00", "f0020008"), ("0205", "f0020502"),
                ("0300", "f003000c"), ("02000001820001010e00", "f002000000"), ("02000001820001010e00", "f0020006"),
            ], 1):
                await gateway.write(CONTROL, request)
                assert (await gateway.hear(CONTROL, number))[-1].hex() == answer, request
            frames = await gateway.hear(DATA, 2)
            await gateway.write(CONTROL, "0300")
            assert (await gateway.hear(CONTROL, 7))[-1].hex() == "f003000000"
        samples = [int.from_bytes(frame[at:at + 3], "little", signed=True)
                   for frame in frames for at in range(10, len(frame), 3)]
        belt: Any = there.things["polar"]
        assert samples == belt.sent[:146]
        times = [int.from_bytes(frame[1:9], "little") for frame in frames]
        assert {(frame[0], frame[9], len(frame)) for frame in frames} == {(0, 0, 229)}
        assert abs((times[1] - times[0]) / 1e9 - 73 / 130) < 1e-6


WRITE, NOTIFY = "8B00ACE7-EB0B-49B0-BBE9-9AEE0A26E1A3", "0734594A-A8E7-4B1A-A6B1-CD5243059A57"


async def test_the_er1_spreads_one_answer_over_several_notifications() -> None:
    """A5, command, its complement, answer 01, the question's number, length; a small MTU never matters."""
    async with room("er1") as there:
        there.press("er1", "touch")
        async with there.visit("er1") as gateway:
            await gateway.subscribe(NOTIFY)
            recorder: Any = there.things["er1"]
            # More than 111 samples do not fit one notification of 244 octets.
            async with asyncio.timeout(WAIT_S):
                while asyncio.get_running_loop().time() - recorder._began < 1.0:
                    await there.things["er1"].something(recorder._began + 1.0)
            await gateway.write(WRITE, "a503fc000a01007dbf", response=False)
            pieces = await gateway.hear(NOTIFY, 2)
        whole = b"".join(pieces)
        assert len(pieces[0]) == 244
        assert whole[:5].hex() == "a503fc010a"
        assert int.from_bytes(whole[5:7], "little") == len(whole) - 8
        count = int.from_bytes(whole[27:29], "little")
        assert count >= 125
        assert len(whole) == 7 + 22 + 2 * count + 1
        assert [int.from_bytes(whole[at:at + 2], "little", signed=True)
                for at in range(29, len(whole) - 1, 2)] == recorder.sent


async def test_a_nonin_goes_off_when_it_is_told_that_it_was_read() -> None:
    """Ten bytes, big-endian; searching first; E2 00 and a hang-up after the maker's word."""
    own, control = "0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B", "1447AF80-0D60-11E2-88B6-0002A5D5C51B"
    async with room("nonin") as there:
        there.press("nonin", "finger", spo2=95, pulse=66)
        async with bonded(there, "nonin") as gateway:
            await gateway.subscribe(own, control)
            frames = await gateway.hear(own, 4)
            assert frames[0][7:].hex() == "7f01ff"
            assert (frames[-1][0], len(frames[-1]), frames[-1][7:].hex()) == (10, 10, "5f0042")
            await gateway.write(control, b"bNMI")
            await gateway.hung_up()
        assert gateway.of(control) == [b"\xe2\x00"]


async def test_out_of_range_is_a_timeout_and_the_record_is_there_after_the_return() -> None:
    """No word of farewell; both ends see the link fall after the supervision timeout; nothing is heard meanwhile."""
    async with room("cuff") as there:
        there.press("cuff", "measure", systolic=131, seconds=1.0)
        async with bonded(there, "cuff") as gateway:
            await gateway.subscribe("2A36", "2A35")
            await gateway.hear("2A36", 2)
            there.press("cuff", "out_of_range")
            began = asyncio.get_running_loop().time()
            await gateway.hung_up()
            assert asyncio.get_running_loop().time() - began >= SUPERVISION_S - 0.1
        assert gateway.of("2A35") == []
        assert await there.seen("cuff", SILENCE_S) is None
        there.press("cuff", "in_range")
        async with there.visit("cuff") as again:
            await again.subscribe("2A35")
            assert (await again.hear("2A35"))[0][1] == 131


async def test_a_moment_out_of_range_loses_nothing() -> None:
    """What the link layer still repeats arrives, in order."""
    async with room("cuff") as there:
        there.press("cuff", "measure", systolic=131, seconds=1.0)
        async with bonded(there, "cuff") as gateway:
            await gateway.subscribe("2A36", "2A35")
            before = len(await gateway.hear("2A36"))
            there.press("cuff", "out_of_range")
            await there.things["cuff"].something(asyncio.get_running_loop().time() + 0.5)
            # One may have been on its way.
            assert len(gateway.of("2A36")) <= before + 1
            there.press("cuff", "in_range")
            await gateway.hung_up()
        assert len(gateway.of("2A35")) == 1
        pressures = [frame[1] for frame in gateway.of("2A36")]
        top = pressures.index(max(pressures))
        assert pressures == sorted(pressures[:top]) + sorted(pressures[top:], reverse=True)
        assert len(pressures) > before + 3


async def test_a_deaf_adapter_hears_again_after_a_reset() -> None:
    """Silence although an instrument advertises and the scanner is started anew; a power cycle ends it."""
    async with room("belt") as there:
        there.press("belt", "wear")
        assert await there.seen("belt")
        assert there.air.deafen()
        assert await there.seen("belt", SILENCE_S) is None
        assert there.air.deaf
        await there.client.control.power_cycle()
        assert await there.seen("belt")


async def test_who_went_to_sleep_is_not_connected_and_can_be_later() -> None:
    """The connection that was given up does not come to life by itself."""
    async with room("belt") as there:
        there.press("belt", "wear")
        device, _ = await there.seen("belt")
        there.press("belt", "switch_off")
        await there.asleep("belt")
        with pytest.raises((BleakError, TimeoutError)):
            await BleakClient(device, backend=there.client).connect()
        there.press("belt", "wear")
        async with there.visit("belt") as gateway:
            await gateway.subscribe("2A37")
            assert await gateway.hear("2A37")


async def test_bonds_outlive_the_gateways_process(tmp_path: Path) -> None:
    """A second backend on the same file talks without a person; one whose bond the cuff forgot is bonded anew."""
    async with room("beurer") as there:
        file = tmp_path / "bonds.json"
        address = there.client.adapter._address  # what the vehicle writes into sim.json, without its file
        there.press("beurer", "remember")
        there.scanner, there.client = sim.radio.backend(f"{address},bonds={file}")
        there.client.passkey_operator = Nurse(there, "beurer")
        there.press("beurer")
        async with bonded(there, "beurer"):
            assert file.exists()
        there.press("beurer", "switch_off")
        await there.asleep("beurer")
        await sim.radio.close()
        there.scanner, there.client = sim.radio.backend(f"{address},bonds={file}")
        there.press("beurer")
        async with there.visit("beurer") as gateway:
            await gateway.subscribe("2A35")
            await gateway.hear("2A35")
        await there.asleep("beurer")
        there.press("beurer", "unbond")
        there.client.passkey_operator = Nurse(there, "beurer")
        there.press("beurer")
        async with there.visit("beurer") as gateway:
            with pytest.raises(BleakGATTProtocolError):
                await gateway.subscribe("2A35")
            await gateway.client.pair()
            await gateway.subscribe("2A35")
            await gateway.hear("2A35")


async def test_an_older_instrument_agrees_to_twenty_octets_only() -> None:
    """ATT_MTU 23 with the cuff, 247 with others; an answer is cut to what fits."""
    async with room("belt") as there:
        there.press("cuff")
        there.press("belt", "wear")
        sizes = []
        for name in ("cuff", "belt"):
            async with there.visit(name) as gateway:
                sizes.append(gateway.client.mtu_size)
                assert {c.max_write_without_response_size for s in gateway.client.services
                        for c in s.characteristics} == {gateway.client.mtu_size - 3}
                assert len(await gateway.read("2A29")) > 20 - 4
        assert sizes == [23, 247]


async def test_garbage_and_bursts_are_sent_as_told() -> None:
    """Bytes as they are; the last record forty times in one visit."""
    async with room("cuff") as there:
        there.press("cuff", "garbage", hex="1e8a005800")
        async with bonded(there, "cuff") as gateway:
            await gateway.subscribe("2A35")
            await gateway.hung_up()
        assert gateway.of("2A35") == [bytes.fromhex("1e8a005800")]
        await there.asleep("cuff")
        there.press("cuff", "repeat", times=29)
        async with there.visit("cuff") as gateway:
            await gateway.subscribe("2A35")
            await gateway.hung_up()
        assert len(gateway.of("2A35")) == 29
