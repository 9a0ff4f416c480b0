"""Roaming: card providers whose cards may charge at public stations, and the cards that they have told of (OCPI 2.2.1 §12, Tokens)."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenancy.links import link
from tenancy.models import Organization
from tenancy.rights import MANAGE_NETWORKS, VisibleQuerySet


class Provider(models.Model):
    """A card provider (OCPI: eMSP) or a network of them. Its cards are taken at the organization and everywhere below."""

    class Pull(models.TextChoices):
        """How far fetching its cards has come."""

        WAITING = "waiting", _("Waits to begin")
        RUNNING = "running", _("Being fetched")
        DONE = "done", _("All fetched")
        FAILED = "failed", _("Failed")

    tenant_path = "organization__path"
    page_right = MANAGE_NETWORKS

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="providers", verbose_name=_("Organization"))
    name = models.CharField(_("Name"), max_length=60)
    country_code = models.CharField(
        _("Country"), max_length=2, validators=[RegexValidator(r"^[A-Z]{2}\Z", _("Two capital letters, such as NL."))]
    )
    party_id = models.CharField(
        _("Party id"), max_length=3, validators=[RegexValidator(r"^[A-Z0-9]{3}\Z", _("Three capital letters or digits, such as TNM."))]
    )
    active = models.BooleanField(_("Connected"), default=True, help_text=_("Off: its cards are not taken."))
    # Real-time authorization (OCPI 2.2.1 §12.2.2)
    realtime = models.BooleanField(_("Ask in real time"), default=False, help_text=_("The provider is asked each time a card is offered."))
    ask_unknown = models.BooleanField(
        _("Ask about unknown cards"),
        default=False,
        help_text=_("Also about cards it has not told of. For networks of many providers."),
    )
    deadline_ms = models.PositiveIntegerField(
        _("Wait at most (ms)"), default=2000, validators=[MinValueValidator(200), MaxValueValidator(10_000)],
        help_text=_("Then what is known of the card counts."),
    )  # fmt: skip
    nightly = models.BooleanField(
        _("Fetch changes each night"), default=False, help_text=_("For providers that do not tell of every change by themselves.")
    )
    # The connection (OCPI 2.2.1 §7). What they log in with here is kept as a keyed digest, what we log in with there is sealed.
    registration_digest = models.CharField(max_length=64, blank=True, editable=False)
    registration_until = models.DateTimeField(null=True, editable=False)
    login_digest = models.CharField(max_length=64, blank=True, editable=False)
    sealed_token = models.TextField(blank=True, editable=False)
    versions_url = models.CharField(max_length=255, blank=True, editable=False)
    tokens_url = models.CharField(max_length=255, blank=True, editable=False)
    registered_at = models.DateTimeField(null=True, editable=False)
    # Since when real-time authorization gets no answer; None: it does, or nobody was asked
    silent_since = models.DateTimeField(null=True, editable=False)
    # Fetching all cards: `pull_url` is the page that comes next, `pull_due_at` when a worker looks at it (None: nothing to do)
    pull_state = models.CharField(max_length=8, choices=Pull.choices, blank=True, editable=False)
    pull_from = models.DateTimeField(null=True, editable=False)  # only what was changed since
    pull_url = models.CharField(max_length=1000, blank=True, editable=False)
    pull_due_at = models.DateTimeField(null=True, editable=False)
    pull_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    pull_count = models.PositiveIntegerField(default=0, editable=False)
    pull_unread = models.PositiveIntegerField(default=0, editable=False)  # objects that are no cards of theirs
    pull_total = models.PositiveIntegerField(null=True, editable=False)
    pull_problem = models.CharField(max_length=200, blank=True, editable=False)
    pull_started_at = models.DateTimeField(null=True, editable=False)
    pull_ended_at = models.DateTimeField(null=True, editable=False)
    pulled_at = models.DateTimeField(null=True, editable=False)  # when the last one began that came to its end
    # It is being deleted: its cards go first, piece by piece
    leaving_since = models.DateTimeField(null=True, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("card provider")
        verbose_name_plural = _("card providers")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "country_code", "party_id"],
                name="provider_party_unique",
                violation_error_message=_("This organization is already connected to this party."),
            ),
            *(
                models.UniqueConstraint(fields=[field], condition=~Q(**{field: ""}), name=f"provider_{field}_unique")
                for field in ("registration_digest", "login_digest")
            ),
        ]
        indexes = [
            models.Index(fields=["pull_due_at"], name="provider_pull_due", condition=Q(pull_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("provider", self.pk)

    @property
    def pulling(self) -> bool:
        return self.pull_state in (self.Pull.WAITING, self.Pull.RUNNING)


class RoamingToken(models.Model):
    """A card of a provider, as it told of it: OCPI 2.2.1 §12.3.2. `uid` is normalized as that of a pass is."""

    class Type(models.TextChoices):
        RFID = "RFID", _("Card")
        APP_USER = "APP_USER", _("App")
        AD_HOC_USER = "AD_HOC_USER", _("One-time user")
        OTHER = "OTHER", _("Other")

    class Whitelist(models.TextChoices):
        """Whether what is cached may decide (OCPI 2.2.1 §12.4.4)."""

        ALWAYS = "ALWAYS", _("What is cached decides")
        ALLOWED = "ALLOWED", _("Asked, or cached")
        ALLOWED_OFFLINE = "ALLOWED_OFFLINE", _("Cached only when the provider does not answer")
        NEVER = "NEVER", _("Always asked")

    class Allowed(models.TextChoices):
        """Answers of real-time authorization (OCPI 2.2.1 §12.4.1)."""

        ALLOWED = "ALLOWED", _("Allowed")
        BLOCKED = "BLOCKED", _("Blocked")
        EXPIRED = "EXPIRED", _("Expired")
        NO_CREDIT = "NO_CREDIT", _("No credit")
        NOT_ALLOWED = "NOT_ALLOWED", _("Not allowed")

    tenant_path = "provider__organization__path"
    read_right = MANAGE_NETWORKS

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="tokens", db_index=False, verbose_name=_("Provider"))
    uid = models.CharField(_("UID"), max_length=36)
    type = models.CharField(_("Type"), max_length=11, choices=Type.choices, default=Type.RFID)
    contract_id = models.CharField(_("Contract id"), max_length=36)
    visual_number = models.CharField(_("Visible number"), max_length=64, blank=True)
    issuer = models.CharField(_("Issuer"), max_length=64, blank=True)
    group_id = models.CharField(_("Group id"), max_length=36, blank=True)
    valid = models.BooleanField(_("Valid"), default=True)
    whitelist = models.CharField(_("Whitelist"), max_length=15, choices=Whitelist.choices, default=Whitelist.ALLOWED)
    language = models.CharField(_("Language"), max_length=2, blank=True)
    # The UID as the provider writes it, where that differs; and whose card it is, where a network told of one of another party
    told_uid = models.CharField(max_length=36, blank=True, editable=False)
    country_code = models.CharField(max_length=2, blank=True, editable=False)
    party_id = models.CharField(max_length=3, blank=True, editable=False)
    last_updated = models.DateTimeField(_("Updated"), default=timezone.now)
    # What real-time authorization said last
    answer = models.CharField(max_length=11, choices=Allowed.choices, blank=True, editable=False)
    answered_at = models.DateTimeField(null=True, editable=False)
    reference = models.CharField(max_length=36, blank=True, editable=False)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        ordering = ["uid", "pk"]
        verbose_name = _("roaming card")
        verbose_name_plural = _("roaming cards")
        constraints = [
            models.UniqueConstraint(fields=["uid", "provider", "type"], name="roaming_token_unique"),
            models.CheckConstraint(condition=~Q(uid=""), name="roaming_token_uid_not_empty"),
        ]
        indexes = [
            models.Index(fields=["provider", "uid"], name="roaming_token_by_provider"),
            models.Index(fields=["provider", "contract_id"], name="roaming_token_by_contract"),
            models.Index(fields=["provider", "visual_number"], name="roaming_token_by_number"),
        ]

    def __str__(self) -> str:
        return self.visual_number or self.contract_id


class RoamingPolicy(models.Model):
    """What an organization, and everything below it that says nothing else, does when a network does not answer in time."""

    class Silent(models.TextChoices):
        REFUSE = "refuse", _("Refuse the card")
        KNOWN = "known", _("Accept cards that the provider has told of")
        ANY = "any", _("Accept every card")

    tenant_path = "organization__path"

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="roaming_policy")
    when_silent = models.CharField(_("When a network does not answer"), max_length=8, choices=Silent.choices, default=Silent.REFUSE)

    objects = VisibleQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.organization)
