"""Where rows lie: points as unit vectors for distances, and a sorted strip map to find those near a place.

Distances are great-circle on the mean sphere (within 0.5 % of the ellipsoid), in whole metres, so that equal places
have equal distances whatever computed them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gateway.index.arrays import Floats, Keys

EARTH_RADIUS_M = 6_371_008.8
STRIPS_PER_DEGREE = 10
STEPS_PER_DEGREE = 100
_LON_BITS = 17  # 360 degrees of 100 steps

METRES_A_KM = 1_000.0
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Box:
    """South, west, north, east, in degrees; whole strips and steps hold it."""

    south: float
    west: float
    north: float
    east: float


def vectors(lat: Floats, lon: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit vectors of points given in degrees."""
    lat, lon = np.radians(lat), np.radians(lon)
    return np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)


def metres_within(x: Floats, y: Floats, z: Floats, lat: float, lon: float, radius_m: float) -> Floats:
    """Whole metres from points (unit vectors) to a place; NaN beyond the radius and where there is no point."""
    px, py, pz = (float(part[0]) for part in vectors(np.array([lat]), np.array([lon])))
    chord_squared = (x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2
    # The arc sine is dear: only for points that a radius wider by a metre holds.
    widest = 2 * math.sin(min((radius_m + 1) / (2 * EARTH_RADIUS_M), math.pi / 2))
    near = np.flatnonzero(chord_squared <= widest**2)
    half_chord = np.minimum(np.sqrt(chord_squared[near]) / 2, 1.0)
    arc = np.rint(np.arcsin(half_chord) * (2 * EARTH_RADIUS_M))
    metres = np.full(len(x), np.nan)
    metres[near] = np.where(arc <= radius_m, arc, np.nan)
    return metres


def kilometres(metres: Floats) -> Floats:
    """Whole kilometres, NaN kept."""
    return np.rint(metres / METRES_A_KM)


def around(lat: float, lon: float, radius_m: float) -> Box:
    """A box that holds every point within `radius_m` of a place."""
    angle = math.degrees(radius_m / EARTH_RADIUS_M) * 1.001 + 1e-6
    south, north = lat - angle, lat + angle
    if south <= -90 or north >= 90:
        return Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0)
    shrink = min(1.0, math.sin(math.radians(angle)) / math.cos(math.radians(lat)))
    spread = math.degrees(math.asin(shrink)) + 1e-6
    if lon - spread < -180 or lon + spread > 180:
        return Box(south, -180.0, north, 180.0)
    return Box(south, lon - spread, north, lon + spread)


def strip_keys(lat: Floats, lon: Floats) -> Keys:
    """One integer a point: its strip of a tenth of a degree, then its step of longitude; -1 without a point."""
    strip = np.floor((lat + 90) * STRIPS_PER_DEGREE)
    step = np.floor((lon + 180) * STEPS_PER_DEGREE)
    keys = np.where(np.isnan(lat) | np.isnan(lon), NOWHERE, strip * (1 << _LON_BITS) + step)
    return keys.astype(np.int64)


def strips(box: Box) -> tuple[Keys, Keys]:
    """The ranges of `strip_keys` (first, past the last) that hold a box, one for each strip."""
    first, last = (math.floor((edge + 90) * STRIPS_PER_DEGREE) for edge in (box.south, box.north))
    rows = np.arange(first, last + 1, dtype=np.int64) << _LON_BITS
    west, east = (math.floor((edge + 180) * STEPS_PER_DEGREE) for edge in (box.west, box.east))
    return rows + west, rows + east + 1
