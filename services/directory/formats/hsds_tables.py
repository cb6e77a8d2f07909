"""The tables of HSDS 3.1: their files and columns, and which object of the JSON form stands in which. Pure.

Source: the data package of HSDS 3.1, https://docs.openreferral.org (CC BY-SA 4.0), whose `service_capacity` and `unit`
lack columns that the standard's JSON Schemas and examples have: those are here too.
A column of another table's identifier is named after that table: `program_id` of `program`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

Type = Literal["string", "number", "date", "datetime", "time"]
BEYOND: Final = "maillage_json"
"""A column of ours, where a row says what its columns cannot: a JSON object, see `hsds_rows`."""


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        name, file: `service`, `services.csv`.
        columns: in the standard's order, with their types.
        required: columns that the standard wants filled.
        refers: columns that hold identifiers of another table: column → that table.
        within: those by which a row stands within another object in JSON: column → table of that object.
        nests: lists of objects in JSON: name → table of those objects.
        names: single objects in JSON: name → the column of their identifier.
    """

    name: str
    file: str
    columns: dict[str, Type]
    required: frozenset[str]
    refers: dict[str, str]
    within: dict[str, str]
    nests: dict[str, str]
    names: dict[str, str]


_COLUMNS: Final = {
    "organization": "organizations.csv *id *name alternate_name *description email website tax_status tax_id "
        "year_incorporated:number legal_status logo uri parent_organization_id",
    "program": "programs.csv *id *organization_id *name alternate_name *description",
    "service": "services.csv *id *organization_id program_id *name alternate_name description url email *status "
        "interpretation_services application_process fees_description wait_time fees accreditations "
        "eligibility_description minimum_age:number maximum_age:number assured_date:date assurer_email licenses alert "
        "last_modified:datetime",
    "attribute": "attributes.csv *id *link_id *taxonomy_term_id link_type *link_entity value label",
    "service_at_location": "service_at_location.csv *id *service_id *location_id description",
    "location": "locations.csv *id *location_type url organization_id name alternate_name description transportation "
        "latitude:number longitude:number external_identifier external_identifier_type",
    "phone": "phones.csv *id location_id service_id organization_id contact_id service_at_location_id *number "
        "extension:number type description",
    "contact": "contacts.csv *id organization_id service_id service_at_location_id location_id name title department "
        "email",
    "address": "addresses.csv *id location_id attention *address_1 address_2 *city region *state_province "
        "*postal_code *country *address_type",
    "schedule": "schedules.csv *id service_id location_id service_at_location_id valid_from:date valid_to:date "
        "dtstart:date timezone:number until:date count:number wkst freq interval:number byday byweekno bymonthday "
        "byyearday description opens_at:time closes_at:time schedule_link attending_type notes",
    "funding": "funding.csv *id organization_id service_id source",
    "service_area": "service_areas.csv *id service_id service_at_location_id name description extent extent_type uri",
    "required_document": "required_documents.csv *id service_id document uri",
    "language": "languages.csv *id service_id location_id phone_id name code note",
    "accessibility": "accessibility.csv *id location_id description details url",
    "taxonomy_term": "taxonomy_terms.csv *id code *name *description parent_id taxonomy language taxonomy_id term_uri",
    "metadata": "metadata.csv *id *resource_id *resource_type *last_action_date:date *last_action_type *field_name "
        "*previous_value *replacement_value *updated_by",
    "meta_table_description": "meta_table_descriptions.csv *id name language character_set",
    "cost_option": "cost_options.csv *id *service_id valid_from:date valid_to:date option currency amount:number "
        "amount_description",
    "organization_identifier": "organization_identifiers.csv *id *organization_id identifier_scheme *identifier_type "
        "*identifier",
    "taxonomy": "taxonomies.csv *id *name *description uri version",
    "service_capacity": "service_capacity.csv *id *service_id *unit_id available:number maximum:number description "
        "updated",
    "unit": "units.csv *id *name scheme identifier uri",
    "url": "url.csv *id label *url organization_id service_id",
}  # fmt: skip
_NESTS: Final = {
    "organization": "organization_identifiers:organization_identifier locations:location phones:phone "
        "contacts:contact funding:funding programs:program additional_websites:url",
    "service": "service_at_locations:service_at_location phones:phone contacts:contact schedules:schedule "
        "languages:language service_areas:service_area funding:funding cost_options:cost_option "
        "required_documents:required_document capacities:service_capacity additional_urls:url",
    "service_at_location": "phones:phone contacts:contact schedules:schedule service_areas:service_area",
    "location": "addresses:address accessibility:accessibility phones:phone contacts:contact schedules:schedule "
        "languages:language",
    "contact": "phones:phone",
    "phone": "languages:language",
}  # fmt: skip
_NAMES: Final = {
    "service": "program:program_id",
    "service_at_location": "location:location_id",
    "attribute": "taxonomy_term:taxonomy_term_id",
    "taxonomy_term": "taxonomy_detail:taxonomy_id",
    "service_capacity": "unit:unit_id",
}
ANYWHERE: Final = {"attribute": ("attributes", "link_id", "link_entity"),
                   "metadata": ("metadata", "resource_id", "resource_type")}  # fmt: skip
"""Tables whose rows stand in objects of any table: name in JSON, column of the identifier, column of the table."""


def _table(name: str) -> Table:
    file, *said = _COLUMNS[name].split()
    typed = [each.lstrip("*").partition(":") for each in said]
    columns = {column: cast("Type", kind or "string") for column, _, kind in typed}
    refers = {column: column.removesuffix("_id") for column in columns if column.removesuffix("_id") in _COLUMNS}
    refers = {column: to for column, to in refers.items() if column.endswith("_id")}
    within = {column: to for column, to in refers.items() if name in _pairs(_NESTS, to).values()}
    nests = _pairs(_NESTS, name) | {word: each for each, (word, _, _) in ANYWHERE.items()}
    required = frozenset(each[1:].partition(":")[0] for each in said if each.startswith("*"))
    return Table(name, file, columns, required, refers, within, nests, _pairs(_NAMES, name))


def _pairs(said: dict[str, str], name: str) -> dict[str, str]:
    pairs = (each.split(":") for each in said.get(name, "").split())
    return dict(pairs)


TABLES: Final = {name: _table(name) for name in _COLUMNS}
FILES: Final = {table.file: table for table in TABLES.values()}


def link_of(child: str, parent: str) -> str:
    """The column by which a row of a table stands in an object of another."""
    if child in ANYWHERE:
        return ANYWHERE[child][1]
    return next(column for column, to in TABLES[child].within.items() if to == parent)


def name_in(child: str, parent: str) -> str:
    """The name of the list of an object in which rows of a table stand."""
    return next(name for name, to in TABLES[parent].nests.items() if to == child)
