"""Files that people import: what was uploaded, how far it is, what came of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.models.organization import Organization
from tenancy.rights import VisibleQuerySet


class Import(models.Model):
    """A file for an organization. It is read, then checked as a whole without writing anything, then – when somebody says so – written.

    A worker does a part at a time and moves `position` in the same transaction, so that another goes on after a crash: a part is written
    once or not at all. `kind` is a key of tenancy.imports.KINDS, which also says who may see it.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("Being read")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        IMPORTING = "importing", _("Being imported")
        DONE = "done", _("Imported")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    tenant_path = "organization__path"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="imports", verbose_name=_("Organization"))
    kind = models.CharField(_("What"), max_length=30)
    # Whose rights count: who uploaded it
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("Who"))
    actor_name = models.CharField(max_length=100)
    file_name = models.CharField(_("File"), max_length=200)
    format = models.CharField(max_length=4)
    created_at = models.DateTimeField(_("When"), default=timezone.now, editable=False)
    state = models.CharField(_("State"), max_length=9, choices=State.choices, default=State.UPLOADED)
    options = models.JSONField(default=dict)
    # Columns of the template that the file has, in its order; and those of its own that are passed over
    columns = models.JSONField(default=list)
    unknown = models.JSONField(default=list)
    parts = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)  # the next part
    # Rows: of the file; and of the check, then of the import
    rows = models.PositiveIntegerField(_("Rows"), default=0)
    new = models.PositiveIntegerField(_("New"), default=0)
    changed = models.PositiveIntegerField(_("Changed"), default=0)
    unchanged = models.PositiveIntegerField(_("Unchanged"), default=0)
    errors = models.PositiveIntegerField(_("Errors"), default=0)
    warnings = models.PositiveIntegerField(_("Warnings"), default=0)
    ended = models.PositiveIntegerField(default=0)  # not in the file, and therefore ended
    sample = models.JSONField(default=list)  # the first rows as they would be written; emptied when it is over
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    # When a worker looks at it next, where there is something to do; later while one is at it
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since it last came forward

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        default_permissions = ()
        indexes = [
            models.Index(fields=["due_at"], name="import_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["organization", "-created_at"], name="import_by_organization"),
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return link("import", self.pk)

    @property
    def working(self) -> bool:
        return self.state in {self.State.UPLOADED, self.State.CHECKING, self.State.IMPORTING}


class ImportPart(models.Model):
    """A piece of the file as it came (`raw`), or some of its rows, packed by tenancy.imports.files. Gone when the import is over."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="pieces", db_index=False)
    raw = models.BooleanField(default=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()
    # Keys of the rows of the database that its rows are, as 64-bit numbers in ascending order; only where that is asked for at the end
    touched = models.BinaryField(default=bytes)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["of", "raw", "number"], name="import_part_once")]


class ImportFault(models.Model):
    """What is wrong with a row (it is left out), or seems to be (`warning`)."""

    of = models.ForeignKey(Import, models.CASCADE, related_name="faults", db_index=False)
    number = models.PositiveIntegerField()  # of the row, as a spreadsheet counts them
    field = models.CharField(max_length=40, blank=True)
    value = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300)
    warning = models.BooleanField(default=False)

    class Meta:
        ordering = ["warning", "number", "pk"]
        default_permissions = ()
        indexes = [models.Index(fields=["of", "warning", "number"], name="import_fault_in_order")]
