"""Uploaded logos: whatever comes in, what is kept is a small PNG that we made ourselves."""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import IO, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from tenancy.models import LOGO_SIZE

LARGEST_FILE = 2 * 1024 * 1024  # bytes
LARGEST_KEPT = 200_000  # bytes
MOST_PIXELS = 40_000_000  # in the file; as much memory as 160 MB
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


class Picture(NamedTuple):
    """What a Logo keeps."""

    png: bytes
    width: int
    height: int
    digest: str


def picture_of(file: IO[bytes], size: int) -> Picture:
    """Made anew from an uploaded file of `size` bytes; ValidationError says why it is not taken."""
    if size > LARGEST_FILE:
        raise ValidationError(_("This picture is too large: %.1f MB. At most 2 MB, please.") % (size / 1024 / 1024))
    content = file.read(LARGEST_FILE + 1)
    if not content:
        raise ValidationError(_("This file is empty."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit follows, before anything is decoded
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise ValidationError(
                    _("This picture has too many pixels: %(width)d × %(height)d. A logo of 512 × 512 is enough.")
                    % {"width": image.width, "height": image.height}
                )
            image.draft("RGB", (2 * LOGO_SIZE, 2 * LOGO_SIZE))  # a JPEG is decoded no larger than needed
            ours = ImageOps.exif_transpose(image).convert("RGBA")
            return _kept(ours)
    except Image.DecompressionBombError:
        raise ValidationError(_("This picture has far too many pixels. A logo of 512 × 512 is enough.")) from None
    except UnidentifiedImageError:
        raise ValidationError(_("This is not a picture that can be shown here. Choose a PNG, JPEG, WebP or GIF file.")) from None
    except ValidationError:
        raise
    except Exception:  # Pillow meets broken files with every kind of exception
        raise ValidationError(_("This picture is damaged and cannot be read. Save it anew, as PNG, and try again.")) from None


def _kept(image: Image.Image) -> Picture:
    """As large as fits into LARGEST_KEPT: every page of everybody below loads it."""
    png = b""
    for side in (LOGO_SIZE, 384, 256, 192, 128):
        image.thumbnail((side, side))
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
        png = out.getvalue()
        if len(png) <= LARGEST_KEPT:
            break
    return Picture(png, image.width, image.height, hashlib.sha256(png).hexdigest())
