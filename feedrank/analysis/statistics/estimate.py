"""From the moments of two arms to the value of a metric in each and the difference between them.

One form covers every metric. A ratio is sum(numerator) / sum(denominator) over users, its variance by the delta method
over users, who are the independent units (Deng, Knoblich, Lu, "Applying the Delta Method in Metric Analytics", KDD
2018, eq. 3). A mean per user is the ratio whose denominator is 1. CUPED subtracts what the same metric before the
experiment predicts (Deng, Xu, Kohavi, Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing
Pre-Experiment Data", WSDM 2013, sections 3.1 and 3.3): its linear form is a third and fourth column. Knows nothing of
variants, of the log or of verdicts.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from feedrank.analysis.statistics.moments import Moments
from feedrank.errors import InvalidInput
from feedrank.types import F64

PLAIN, WITH_COVARIATE = 2, 4  # columns: numerator, denominator [, the same two before the experiment]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """A metric's value in one arm of each experiment and the variance of that value, shape (...)."""

    n: F64
    value: F64
    variance: F64

    def interval(self, level: float = LEVEL) -> tuple[F64, F64]:
        """The fixed-horizon interval of the value itself."""
        half = stats.t.isf((1.0 - level) / 2.0, self.n - 1.0) * np.sqrt(self.variance)
        return self.value - half, self.value + half


@dataclass(frozen=True, slots=True)
class Difference:
    """Treatment minus control, shape (...). `relative` is the difference as a share of control's value."""

    control: ArmEstimate
    treatment: ArmEstimate
    effect: F64
    se: F64
    df: F64  # Welch and Satterthwaite
    relative: F64
    relative_se: F64
    reduction: F64  # share of the variance that the covariate took away; 0 without one

    def interval(self, level: float = LEVEL) -> tuple[F64, F64]:
        """The fixed-horizon interval: right for one look, at a time chosen beforehand."""
        half = stats.t.isf((1.0 - level) / 2.0, self.df) * self.se
        return self.effect - half, self.effect + half

    def relative_interval(self, level: float = LEVEL) -> tuple[F64, F64]:
        """The fixed-horizon interval of `relative`, by the delta method; NaN where control's value is 0."""
        half = stats.t.isf((1.0 - level) / 2.0, self.df) * self.relative_se
        return self.relative - half, self.relative + half

    def p_value(self) -> F64:
        """Two-sided, of no difference; 1 where neither arm varies and they agree, 0 where they do not agree."""
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2.0 * stats.t.sf(np.abs(self.effect / self.se), self.df)
        return np.asarray(np.where(self.se > 0.0, p, np.where(self.effect == 0.0, 1.0, 0.0)))


def compare(control: Moments, treatment: Moments) -> Difference:
    """The difference of a metric between two arms, from moments of 2 columns, or of 4 to adjust for the covariate.

    A metric whose denominator is 0 throughout an arm is NaN; a covariate that does not vary changes nothing.
    InvalidInput for another number of columns.
    """
    k = control.mean.shape[-1]
    if k not in (PLAIN, WITH_COVARIATE):
        raise InvalidInput(f"moments of {k} columns: give numerator and denominator, or those and their covariates")
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = _arm(control), _arm(treatment)
        if k == PLAIN:
            return _difference(a, b, np.zeros_like(a.value))
        before = a.variance + b.variance
        a, b = _adjusted(control, treatment, a, b)
        return _difference(a, b, np.where(before > 0.0, 1.0 - (a.variance + b.variance) / before, 0.0))


def influence(columns: F64) -> F64:
    """Each user's part (n,) in a metric's value: the linear form whose mean is 0 and whose variance the delta method
    divides by n. Columns are numerator and denominator, (n, 2).
    """
    return np.asarray((columns[:, :2] - columns[:, :2].mean(axis=0)) @ _gradient(columns[:, :2].mean(axis=0)))


def _gradient(mean: F64) -> F64:
    """(..., 2) of numerator / denominator at the means (..., >= 2)."""
    numerator, denominator = mean[..., 0], mean[..., 1]
    return np.stack([1.0 / denominator, -numerator / denominator**2], axis=-1)


def _arm(arm: Moments) -> ArmEstimate:
    gradient = _gradient(arm.mean)
    variance = np.einsum("...i,...ij,...j->...", gradient, arm.cov[..., :2, :2], gradient) / arm.n
    return ArmEstimate(arm.n, arm.mean[..., 0] / arm.mean[..., 1], np.maximum(variance, 0.0))


def _adjusted(control: Moments, treatment: Moments, a: ArmEstimate, b: ArmEstimate) -> tuple[ArmEstimate, ArmEstimate]:
    before = control.pooled_mean(treatment)[..., 2:]
    covariate = _gradient(before)  # the same for both arms, which did not differ then
    covariate = np.where(np.isfinite(covariate), covariate, 0.0)  # nobody was there before: nothing to subtract
    within = control.within(treatment)
    outcome = _gradient(control.pooled_mean(treatment))
    shared = np.einsum("...i,...ij,...j->...", outcome, within[..., :2, 2:], covariate)
    own = np.einsum("...i,...ij,...j->...", covariate, within[..., 2:, 2:], covariate)
    theta = np.where(own > 0.0, shared / own, 0.0)

    def adjust(arm: Moments, plain: ArmEstimate) -> ArmEstimate:
        shift = np.einsum("...i,...i->...", covariate, arm.mean[..., 2:] - before)
        gradient = np.concatenate([_gradient(arm.mean), -theta[..., None] * covariate], axis=-1)
        variance = np.einsum("...i,...ij,...j->...", gradient, arm.cov, gradient) / arm.n
        return ArmEstimate(arm.n, plain.value - theta * shift, np.maximum(variance, 0.0))

    return adjust(control, a), adjust(treatment, b)


def _difference(control: ArmEstimate, treatment: ArmEstimate, reduction: F64) -> Difference:
    total = control.variance + treatment.variance
    spread = control.variance**2 / (control.n - 1.0) + treatment.variance**2 / (treatment.n - 1.0)
    df = np.where(spread > 0.0, total**2 / spread, control.n + treatment.n - 2.0)
    lift = treatment.value / control.value
    relative_variance = (treatment.variance + lift**2 * control.variance) / control.value**2
    return Difference(
        control=control,
        treatment=treatment,
        effect=treatment.value - control.value,
        se=np.sqrt(total),
        df=df,
        relative=np.where(control.value != 0.0, lift - 1.0, np.nan),
        relative_se=np.sqrt(relative_variance),
        reduction=reduction,
    )
