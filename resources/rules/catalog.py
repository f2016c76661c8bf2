"""Which rule applies to which structure.

Rule: an invariant is written in the file of its type and takes effect by its line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from resources.rules import appointment, bundle, condition, data_types, observation, patient, timing
from resources.rules.problem import Rule

RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Appointment": (appointment.times_go_together, appointment.reason_only_if_cancelled),
        "Appointment.participant": (appointment.participant_is_told,),
        "Attachment": (data_types.attachment_data_has_type,),
        "Bundle": (
            bundle.entries_fit_type,
            bundle.full_urls_are_unique,
            bundle.document_begins_with_composition,
        ),
        "Bundle.entry": (bundle.entry_has_content,),
        "Condition": (condition.abated_is_over, condition.error_has_no_clinical_status),
        "Condition.stage": (condition.stage_has_details,),
        "ContactPoint": (data_types.contact_point_has_system,),
        "Observation": (observation.no_reason_beside_value, observation.component_does_not_repeat),
        "Observation.component": (observation.no_reason_beside_value,),
        "Observation.referenceRange": (observation.reference_range_has_content,),
        "Patient.contact": (patient.contact_has_details,),
        "Period": (data_types.period_runs_forwards,),
        "Range": (data_types.range_runs_upwards,),
        "Ratio": (data_types.ratio_is_whole,),
        "Timing.repeat": (timing.parts_go_together, timing.nothing_negative),
    }
    | dict.fromkeys(("Quantity", "Age", "Count", "Distance", "Duration"), (data_types.quantity_code_has_system,))
)
"""Structure path → its invariants."""
