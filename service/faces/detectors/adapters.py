"""Every kind of face detector that packs may name; the one place where one is added."""

from service.faces.detectors.scrfd import SCRFD
from service.faces.detectors.ultra_light import ULTRA_LIGHT
from service.faces.detectors.yunet import YUNET

DETECTORS = (ULTRA_LIGHT, SCRFD, YUNET)
