"""The power of the gate's two tests at a count of scenes, by simulation and without a line of its code.

usage: gate_power.py SCENES DISCORDANT_SHARE MARGIN ALPHA DIFFERENCE THRESHOLD SEED

Prints two shares of 20,000 simulated suites: how often a candidate like the baseline is shown to be no worse than the
margin (score test of a paired difference at ALPHA, Nam 1997), and how often one that is worse by DIFFERENCE is shown to be
worse (exact McNemar, one-sided at THRESHOLD, which is the level over the number of tests). Scenes are independent.
"""

import math
import sys
from statistics import NormalDist

import numpy

SUITES = 20_000


def no_worse(rng, scenes, discordant, margin, z):
    counts = rng.multinomial(scenes, [discordant / 2, discordant / 2, 1 - discordant], SUITES)
    new, mended = counts[:, 0].astype(float), counts[:, 1].astype(float)
    # The share of mended scenes that fits best where the difference is the margin: the positive root of a quadratic.
    a = 2.0 * scenes
    b = (2.0 * scenes - new + mended) * margin - (new + mended)
    c = -mended * margin * (1.0 - margin)
    fitted = (-b + numpy.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    variance = scenes * (2.0 * fitted + margin * (1.0 - margin))
    return numpy.mean((new - mended - scenes * margin) / numpy.sqrt(variance) < -z)


def worse(rng, scenes, discordant, difference, threshold):
    discordant = max(discordant, difference)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    counts = rng.multinomial(scenes, shares, SUITES)
    p_values = {}
    found = 0
    for new, mended in counts[:, :2].tolist():
        if (new, mended) not in p_values:
            n = new + mended
            terms = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(mended + 1)]
            p_values[new, mended] = sum(math.exp(term - n * math.log(2.0)) for term in terms)
        found += p_values[new, mended] <= threshold
    return found / SUITES


def main(scenes, discordant, margin, alpha, difference, threshold, seed):
    rng = numpy.random.default_rng(int(seed))
    scenes, discordant, margin, alpha = int(scenes), float(discordant), float(margin), float(alpha)
    z = NormalDist().inv_cdf(1.0 - alpha)
    shown = no_worse(rng, scenes, discordant, margin, z)
    print(shown, worse(rng, scenes, discordant, float(difference), float(threshold)))


if __name__ == "__main__":
    main(*sys.argv[1:])
